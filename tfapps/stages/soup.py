"""Average the weights of an ensemble's members into one run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfapps.assembly.assemble import assemble
from tfapps.bundle import bundle as bundles
from tfapps.bundle.bundle import Bundle
from tfapps.config.sections import RunConfig
from tfapps.errors import InputError
from tfapps.runs import unfinished
from tfapps.runs.finished import finished
from tfapps.runs.prepared import Prepared, load_rows, prepare
from tfapps.stages import train as training
from tfapps.stages.compress import compress_prepared
from tfapps.stages.judging import current
from tfapps.stages.run import proven, weights_of


def soup(
    config: RunConfig, kind: Any, members: Sequence[RunConfig], overwrite: bool = False
) -> Bundle:
    """Train the members, average them, then compress, export and verify the result.

    Members are not compressed or exported, only the soup: it costs as much as one run.

    Raises:
        InputError: the weights of members differ in shape.
    """
    rows = load_rows(config)
    bundle = finished(config, rows, overwrite=overwrite)
    runs = []
    for number, settings in enumerate(members, start=1):
        print(f"member {number} of {len(members)}", flush=True)
        alone = settings.model_copy(update={"compress": [], "export": []})
        runs.append(weights_of(alone, overwrite, owner=config.name)[1])
    prepared = prepare(config, runs[0], rows)
    if bundle:
        print(f"{config.name}: already averaged")
        prepared = prepare(config, bundle, prepared.rows)
        return proven(prepared, current(prepared, bundle))
    bundle = _cooked(prepared, kind, runs)
    if config.compress:
        prepared, bundle = compress_prepared(prepared, bundle)
    return proven(prepared, bundle)


def _cooked(prepared: Prepared, kind: Any, runs: Sequence[Bundle]) -> Bundle:
    from safetensors.numpy import load_file

    from tfapps.graph import weights

    config, headline = prepared.config, prepared.task.headline
    model = assemble(config, prepared.task, vocabulary_size=prepared.tokenizer.vocabulary_size)
    members = [load_file(bundle.weights) for bundle in runs]
    shapes = [{path: array.shape for path, array in member.items()} for member in members]
    if any(shape != shapes[0] for shape in shapes):
        raise InputError("ensemble: the members of a soup have weights of different shapes")

    def fill(averaged: Any) -> None:
        for path, weight in weights.variables(model).items():
            weight.assign(averaged[path])

    def judge(averaged: Any) -> float:
        fill(averaged)
        return training.evaluate(prepared, model).metrics[headline]

    figures = [bundle.metrics["dev"]["keras"][headline] for bundle in runs]
    averaged, chosen = kind.cook(config.ensemble, members, figures, judge)
    fill(averaged)
    print(f"mean of {len(chosen)} of {len(runs)} members, best member {max(figures):.4f}")
    target = unfinished.OUTPUT / config.name
    with bundles.writing(target) as draft:
        notes = {"members": figures, "averaged": chosen, "training": []}
        training.write_model(draft, prepared, model, notes)
    return Bundle.open(target)
