"""Run every artefact, compare it with the Keras model, and evaluate it on the test set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfapps.bundle import bundle as bundles
from tfapps.bundle.bundle import Bundle, write_json
from tfapps.config.load import dump
from tfapps.config.sections import RunConfig
from tfapps.errors import Failure
from tfapps.runs import gate, requirements
from tfapps.runs.card import card
from tfapps.runs.held_out import HeldOut, held_out, rows_of
from tfapps.runs.prepared import Prepared
from tfapps.runs.trained import open_trained, rebuild
from tfapps.stages import gating
from tfapps.stages.export import artifacts_key
from tfapps.stages.judging import current
from tfapps.stages.testing import KEYS, Tested

LATENCY_ROWS = 50


def verify(config: RunConfig, bundle: Bundle | None = None) -> Bundle:
    """Run every artefact on the whole dev set and compare it with the Keras model.

    Those that pass are evaluated on the test set, if there is one.

    Args:
        bundle: of the config; None is the one under `saved_models/`.

    Raises:
        Failure: an artefact is outside its tolerance, or does not keep to `verify:`; verify.json
            holds the figures.
    """
    prepared, bundle = open_trained(config, bundle)
    bundle = verify_prepared(prepared, current(prepared, bundle))
    problems = gating.missed(config, bundle)
    if problems:
        raise Failure("\n".join(problems))
    return bundle


def verify_prepared(prepared: Prepared, bundle: Bundle) -> Bundle:
    """Verify on data that is already loaded."""
    config, metrics = prepared.config, bundle.metrics
    proof: dict[str, Any] = {"keras": _sizes(bundle.weights)}
    metrics["dev"] = {"keras": metrics["dev"]["keras"]}
    metrics = {key: value for key, value in metrics.items() if key not in KEYS}
    failures: list[str] = []
    if config.export or "test" in prepared.encoded:
        model = rebuild(prepared, bundle, None, None)
        tested = Tested(prepared, model)
        failures = _prove_all(prepared, bundle, model, proof, metrics["dev"], tested)
        metrics |= {} if failures else tested.figures()
    metrics[gate.ROWS] = rows_of(prepared, "dev")
    proof = requirements.judged(config, metrics, proof)
    metrics[gate.KEY] = None if failures else gate.choose(config, metrics, proof).recommended
    with bundles.writing(bundle.path, base=bundle) as draft:
        write_json(draft.path / "verify.json", proof)
        write_json(draft.path / "metrics.json", metrics)
        (draft.path / "config.yaml").write_text(dump(config), encoding="utf-8")
        (draft.path / "README.md").write_text(card(config, metrics, proof), encoding="utf-8")
        draft.stages.pop("verify", None)
        if not failures:
            draft.stages["verify"] = artifacts_key(config)
    if failures:
        raise Failure("; ".join(failures))
    return Bundle.open(bundle.path)


def _prove_all(
    prepared: Prepared,
    bundle: Bundle,
    model: Any,
    proof: dict[str, Any],
    figures: dict[str, Any],
    tested: Tested,
) -> list[str]:
    """Add the proof and the metrics of each artefact; return what failed."""
    from tfapps.export.parts import integers
    from tfapps.serve.artifacts import open_runner
    from tfapps.verify import parity

    if not prepared.config.export:
        return []
    dev_set = held_out(prepared, model, "dev")
    rounded = integers.rounds_activations(model)
    headline, scale = prepared.task.headline, prepared.task.best_headline
    if dev_set.rows < len(prepared.encoded["dev"]):
        metric = dev_set.figures(dev_set.reference(False))[headline]
        proof["keras"] |= {"metric": metric, "rows": dev_set.rows}
    failures = []
    for name in prepared.config.export:
        print(f"verifying {name} on {dev_set.rows} rows", flush=True)
        runner = open_runner(name, bundle, prepared.config, prepared.task, prepared.tokenizer)
        proof[name], figures[name] = _prove(prepared, bundle, name, runner, dev_set)
        try:
            parity.check(name, proof[name], headline=headline, scale=scale, rounded=rounded)
        except Failure as failure:
            failures.append(str(failure))
        else:
            tested.add(name, runner)
    return failures


def _prove(
    prepared: Prepared, bundle: Bundle, name: str, runner: Any, dev_set: HeldOut
) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the figures of one artefact."""
    from tfapps.verify import cost

    task, features, file = prepared.task, dev_set.features, bundle.artifact(name)
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
