"""Mark the file to ship in a verified bundle, and say which it is."""

from __future__ import annotations

from typing import Any

from tfapps.bundle import bundle as bundles
from tfapps.bundle.bundle import METRICS, PROOF, Bundle, write_json
from tfapps.config import load as configs
from tfapps.config.sections import RunConfig
from tfapps.errors import Failure
from tfapps.runs import figures, gate, requirements
from tfapps.runs.card import card, example_command


def marked(config: RunConfig, bundle: Bundle) -> Bundle:
    """Return a verified bundle that is judged by this config's `gate:` and `verify:`."""
    metrics, stored = bundle.metrics, configs.load(bundle.config_path)
    proof = requirements.judged(config, metrics, bundle.proof)
    name = gate.choose(config, metrics, proof).recommended
    same_limits = (stored.gate, stored.verify) == (config.gate, config.verify)
    same_result = gate.KEY in metrics and metrics[gate.KEY] == name and proof == bundle.proof
    if same_limits and same_result:
        return bundle
    metrics[gate.KEY] = name
    with bundles.writing(bundle.path, base=bundle) as draft:
        write_json(draft.path / METRICS, metrics)
        write_json(draft.path / PROOF, proof)
        (draft.path / "config.yaml").write_text(configs.dump(config), encoding="utf-8")
        text = card(config, metrics, proof)
        (draft.path / "README.md").write_text(text, encoding="utf-8")
    return Bundle.open(bundle.path)


def report(config: RunConfig, bundle: Bundle) -> None:
    """Print which file to ship, how good it is and how to try it.

    Raises:
        Failure: a file does not keep to `verify:`, or none is within a gate that the config states.
    """
    metrics, proof = bundle.metrics, bundle.proof
    problems = missed(config, bundle)
    choice = gate.choose(config, metrics, proof)
    if choice.recommended is not None:
        rows = {row["artifact"]: row for row in figures.rows(metrics, proof)}
        row = rows[choice.recommended]
        name = choice.recommended
        place = f"{name} of all members" if bundle.members else str(bundle.artifact(name))
        print(f"recommended: {place}, {row['bytes'] / 1e6:.2f} MB, {_quality(metrics, row)}")
    elif choice.nearest:
        text = gate.advice(config, metrics, choice.nearest)
        if config.gate is not None:
            problems.append(text)
        else:
            print(f"recommended: none, as {text}")
    if problems:
        raise Failure("\n".join(problems))
    print(f"try it: {example_command(config, choice.recommended, str(bundle.path))}")


def missed(config: RunConfig, bundle: Bundle) -> list[str]:
    """Return a line for each requirement of `verify:` that a file does not meet."""
    lines = requirements.missed(config, requirements.judged(config, bundle.metrics, bundle.proof))
    return [line for part in lines.values() for line in part]


def _quality(metrics: dict[str, Any], row: dict[str, Any]) -> str:
    headline = metrics["headline"]
    if row["test"] is None:
        return f"{headline} {row['metric']:.4f} on dev, which chose the epoch"
    text = f"{headline} {row['test']:.4f} on {row['rows']} test rows"
    if row["interval"] is None:
        return text
    low, high = row["interval"]
    return f"{text} (95 %: {low:.3f} to {high:.3f})"
