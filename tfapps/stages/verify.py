"""Run every artefact and compare it with the Keras model."""

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
    config, metrics = prepared.config, bundle.metrics
    proof: dict[str, Any] = {"keras": _sizes(bundle.weights)}
    metrics["dev"] = {"keras": metrics["dev"]["keras"]}
    failures = _prove_all(prepared, bundle, proof, metrics["dev"]) if config.export else []
    with bundles.writing(bundle.path, base=bundle) as draft:
        write_json(draft.path / "verify.json", proof)
        write_json(draft.path / "metrics.json", metrics)
        (draft.path / "README.md").write_text(card(config, metrics, proof), encoding="utf-8")
        draft.stages.pop("verify", None)
        if not failures:
            draft.stages["verify"] = artifacts_key(config)
    if failures:
        raise Failure("; ".join(failures))
    return Bundle.open(bundle.path)


def _prove_all(
    prepared: Prepared, bundle: Bundle, proof: dict[str, Any], figures: dict[str, Any]
) -> list[str]:
    """Add the proof and the metrics of each artefact; return what failed."""
    from tfapps.export.parts import integers
    from tfapps.verify import parity

    model = rebuild(prepared, bundle, None, None)
    dev_set = dev(prepared, model)
    rounded = integers.rounds_activations(model)
    headline, scale = prepared.task.headline, prepared.task.best_headline
    if dev_set.rows < len(prepared.encoded["dev"]):
        metric = dev_set.figures(dev_set.reference(False))[headline]
        proof["keras"] |= {"metric": metric, "rows": dev_set.rows}
    failures = []
    for name in prepared.config.export:
        print(f"verifying {name} on {dev_set.rows} rows", flush=True)
        proof[name], figures[name] = _prove(prepared, bundle, name, dev_set)
        try:
            parity.check(name, proof[name], headline=headline, scale=scale, rounded=rounded)
        except Failure as failure:
            failures.append(str(failure))
    return failures


def _prove(
    prepared: Prepared, bundle: Bundle, name: str, dev_set: Dev
) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the figures of one artefact."""
    from tfapps.serve.artifacts import open_runner
    from tfapps.verify import cost

    task, features, file = prepared.task, dev_set.features, bundle.artifact(name)
    runner = open_runner(name, bundle, prepared.config, task, prepared.tokenizer)
    outputs = runner(features)
    figures = dev_set.figures(outputs)
    before = dev_set.figures(dev_set.reference(runner.likeliest))[task.headline]
    examples = prepared.examples["dev"]
    proof = runner.compare(dev_set.reference, outputs, features, dev_set.decide, examples)
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
