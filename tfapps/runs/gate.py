"""Which file of a run to ship: the smallest within the gate of the config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfapps import registry
from tfapps.config.sections import GateConfig, RunConfig
from tfapps.runs import figures, requirements

KEY = "recommended"  # in metrics.json: the name of an artefact, or null
ROWS = "dev_rows"  # in metrics.json: rows that drops are measured on
DROP = 0.02  # that is allowed where a gate states none, but always a single dev row
ROUNDING = 1e-9
LEAST = 1e-3  # against which an excess over a limit of 0 is measured


@dataclass(frozen=True)
class Choice:
    """What the gate says of a run.

    Attributes:
        recommended: the artefact to ship; None if no file is within the gate.
        nearest: what exceeds the gate least, in words; empty where a file is recommended, and
            where there is no file.
    """

    recommended: str | None = None
    nearest: str = ""


def choose(config: RunConfig, metrics: Mapping[str, Any], proof: Mapping[str, Any]) -> Choice:
    """Return the smallest exported file within the gate; of equal ones the better.

    A file that does not keep to `verify:` is none to ship.

    Args:
        metrics: content of metrics.json.
        proof: content of verify.json.
    """
    scale = registry.load("task", config.task.name).Task.best_headline
    gate = _resolved(config, metrics)
    failed = requirements.missed(config, requirements.judged(config, metrics, proof))
    others = ("keras", figures.UNCOMPRESSED, *failed)  # no files to ship
    rows = [row for row in figures.rows(metrics, proof) if row["artifact"] not in others]
    measured = [row for row in rows if row["bytes"] is not None and row["drop"] is not None]
    by_size = sorted(measured, key=lambda row: (row["bytes"], -row["metric"], row["artifact"]))
    excesses = {row["artifact"]: _excesses(gate, row, scale) for row in by_size}
    for name, excess in excesses.items():
        if not excess:
            return Choice(name)
    if not excesses:
        return Choice()
    nearest = min(excesses, key=lambda name: max(excesses[name].values()))
    return Choice(None, f"{nearest}, {' and '.join(excesses[nearest])}")


def advice(config: RunConfig, metrics: Mapping[str, Any], nearest: str) -> str:
    """Return what to say where no file is within the gate."""
    gate = _resolved(config, metrics)
    limits = [f"{key}: {value:.3g}" for key, value in gate if value is not None]
    return (
        f"no file is within the gate ({', '.join(limits)}); nearest is {nearest}. Raise the limit "
        "under `gate:`, or change `model:`, `compress:` or `export:`"
    )


def _resolved(config: RunConfig, metrics: Mapping[str, Any]) -> GateConfig:
    """Return the gate of a config, with a limit of the drop."""
    gate = config.gate or GateConfig()
    if gate.max_drop is not None:
        return gate
    rows = metrics.get(ROWS)
    return gate.model_copy(update={"max_drop": max(DROP, 1.0 / rows if rows else 0.0)})


def _excesses(gate: GateConfig, row: Mapping[str, Any], scale: float) -> dict[str, float]:
    """Return the limits that a file exceeds, in words, and by what share of the limit."""
    size, latency = row["bytes"] / 1e6, row["p50_ms"]
    excesses = {}
    # Written as `not (a <= b)` so that NaN is an excess.
    if not row["drop"] <= gate.max_drop * scale + ROUNDING:
        limit = max(gate.max_drop, LEAST) * scale
        excesses[f"a drop of {row['drop']:.4f}"] = row["drop"] / limit
    if gate.max_mb is not None and size > gate.max_mb:
        excesses[f"{size:.2f} MB"] = size / gate.max_mb
    if gate.max_ms is not None and (latency is None or latency > gate.max_ms):
        text = "a latency that was not measured" if latency is None else f"{latency:.2f} ms"
        excesses[text] = float("inf") if latency is None else latency / gate.max_ms
    return excesses
