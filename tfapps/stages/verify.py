"""Run every artefact and hold it against the Keras model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

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
    from tfapps.forms import greedy
    from tfapps.runners import litert
    from tfapps.serve.artifacts import open_runner
    from tfapps.verify import cost, parity

    task, features, file = prepared.task, there.features, bundle.artifact(name)
    reference = there.said(name in greedy.ARTIFACTS)
    runner, _ = open_runner(name, bundle, prepared.config, task, prepared.tokenizer)
    outputs = runner(features)
    figures, before = there.figures(outputs), there.figures(reference)[task.headline]
    if task.form != "seq2seq":
        proof = parity.compare(reference, outputs, there.decide, features.get("padding_mask"))
        proof = _with_tags(proof, prepared, name, file, features, outputs)
    else:
        proof = parity.compare_answers(reference, outputs)
        if name == "saved_model":  # holds a greedy translator beside the steps
            whole = greedy.of_file(name, file, task)(features)
            proof = parity.worse(proof, parity.compare_answers(there.said(True), whole))
    proof |= {"metric": figures[task.headline], "metric_drop": before - figures[task.headline]}
    proof |= _sizes(file)
    if name.startswith("litert_"):
        proof["partitions"] = litert.partitions(file)
    proof |= cost.measure(runner, features, rows=LATENCY_ROWS)
    return proof, figures


def _with_tags(
    proof: dict[str, float], prepared: Prepared, name: str, file: Path, features: Any, outputs: Any
) -> dict[str, float]:
    """The proof, with the tags that the file finds by itself held against those of its logits."""
    from tfapps.forms import tagger

    if not prepared.task.tags_words:
        return proof
    windows = prepared.examples["dev"]
    inside = tagger.tags(name, file, features, windows)
    if inside is None:
        return proof
    pairs = zip(inside, prepared.task.tag_numbers(outputs, windows), strict=True)
    same = float(np.mean([np.array_equal(found, expected) for found, expected in pairs]))
    return {**proof, "agreement": min(proof["agreement"], same), "tag_agreement": same}


def _sizes(file: Path) -> dict[str, int]:
    from tfapps.verify import cost

    return {"bytes": cost.size(file), "gzip_bytes": cost.gzip_size(file)}
