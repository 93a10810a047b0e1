"""Run every artefact and hold it against the Keras model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfapps.bundle import bundle as bundles
from tfapps.bundle.bundle import Bundle, write_json
from tfapps.config.sections import RunConfig
from tfapps.errors import Failure
from tfapps.runs.card import card
from tfapps.runs.dev import Dev, dev
from tfapps.runs.prepared import Prepared
from tfapps.runs.trained import open_trained, rebuild
from tfapps.stages.export import artifacts_key
from tfapps.stages.judging import current

LATENCY_ROWS = 50


def verify(config: RunConfig) -> Bundle:
    """Run every artefact on the whole dev set and compare it with the Keras model.

    Raises:
        Failure: an artefact is outside its tolerance; verify.json holds the figures.
    """
    prepared, bundle = open_trained(config)
    return verify_prepared(prepared, current(prepared, bundle))


def verify_prepared(prepared: Prepared, bundle: Bundle) -> Bundle:
    """Verify on data that is already loaded."""
    from tfapps.export.parts import integers
    from tfapps.verify import parity

    config = prepared.config
    metrics = bundle.metrics
    model = rebuild(prepared, bundle, None, None)
    there = dev(prepared, model)
    rounded = integers.rounds_activations(model)
    proof: dict[str, Any] = {"keras": _sizes(bundle.weights)}
    if there.rows < len(prepared.encoded["dev"]):
        figure = there.figures(there.said(False))[prepared.task.headline]
        proof["keras"] |= {"metric": figure, "rows": there.rows}
    metrics["dev"] = {"keras": metrics["dev"]["keras"]}
    failures = []
    for name in config.export:
        print(f"verifying {name} on {there.rows} rows", flush=True)
        proof[name], metrics["dev"][name] = _prove(prepared, bundle, name, there)
        try:
            headline, scale = prepared.task.headline, prepared.task.best_headline
            parity.check(name, proof[name], headline=headline, scale=scale, rounded=rounded)
        except Failure as failure:
            failures.append(str(failure))
    with bundles.writing(bundle.path, base=bundle) as draft:
        write_json(draft.path / "verify.json", proof)
        write_json(draft.path / "metrics.json", metrics)
        (draft.path / "README.md").write_text(card(config, metrics, proof), encoding="utf-8")
        if not failures:
            draft.stages["verify"] = artifacts_key(config)
    if failures:
        raise Failure("; ".join(failures))
    return Bundle.open(bundle.path)


def _prove(
    prepared: Prepared, bundle: Bundle, name: str, there: Dev
) -> tuple[dict[str, Any], dict[str, float]]:
    """The figures of one artefact."""
    from tfapps.serve.artifacts import open_runner
    from tfapps.verify import cost

    task, features, file = prepared.task, there.features, bundle.artifact(name)
    runner = open_runner(name, bundle, prepared.config, task, prepared.tokenizer)
    outputs = runner(features)
    figures = there.figures(outputs)
    before = there.figures(there.said(runner.likeliest))[task.headline]
    examples = prepared.examples["dev"]
    proof = runner.compare(there.said, outputs, features, there.decide, examples)
    proof |= {"metric": figures[task.headline], "metric_drop": before - figures[task.headline]}
    proof |= _sizes(file)
    partitions = runner.backend.partitions()
    if partitions is not None:
        proof["partitions"] = partitions
    proof |= cost.measure(runner, features, rows=LATENCY_ROWS)
    return proof, figures


def _sizes(file: Path) -> dict[str, int]:
    from tfapps.verify import cost

    return {"bytes": cost.size(file), "gzip_bytes": cost.gzip_size(file)}
