"""What `verify:` of a config asks of each exported file, and whether the file keeps to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfapps import registry
from tfapps.config.sections import RunConfig
from tfapps.runs import figures

KEY = "requirements"  # in verify.json, of an artefact
ROUNDING = 1e-9
MB = 1e6
# How each figure is called, and what helps where a file does not keep to its limit.
FIGURES = {
    "max_loss": ("a loss of {}", "change `train:` or `compress:`"),
    "min_agreement": ("an agreement of {}", "change `train:` or `compress:`"),
    "max_mb": ("{} MB", "take a smaller artefact or model, or `compress:`"),
    "max_ms": ("{} ms", "take a smaller artefact or model, or a lower `model.max_length`"),
}


def judged(
    config: RunConfig, metrics: Mapping[str, Any], proof: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the content of verify.json with the requirements of this config in it.

    Each of an artefact is a limit, what was measured (None: nothing was) and whether it is met.

    Args:
        metrics: content of metrics.json.
        proof: content of verify.json.
    """
    plain = {name: {k: v for k, v in part.items() if k != KEY} for name, part in proof.items()}
    if config.verify is None:
        return plain
    scale = registry.load("task", config.task.name).Task.best_headline
    rows = {row["artifact"]: row for row in figures.rows(metrics, proof)}
    for name, limits in config.verify.limits(config.export).items():
        if name in plain:
            measured = _measured(rows.get(name, {}), scale)
            plain[name][KEY] = {
                key: {"limit": limit, "measured": measured[key], "met": _met(key, limit, measured)}
                for key, limit in limits.items()
            }
    return plain


def missed(config: RunConfig, proof: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return a line for each requirement that an artefact does not meet, by artefact.

    Args:
        proof: what `judged` returned.
    """
    lines: dict[str, list[str]] = {}
    for name, part in proof.items():
        for key, entry in part.get(KEY, {}).items():
            if entry["met"]:
                continue
            lines.setdefault(name, []).append(_line(config, name, key, entry))
    return lines


def _line(config: RunConfig, name: str, key: str, entry: Mapping[str, Any]) -> str:
    """Return what a file has, what it should have, and what to change."""
    figure, remedy = FIGURES[key]
    measured = (
        "no figure" if entry["measured"] is None else figure.format(_number(entry["measured"]))
    )
    place = f"verify.{key}"
    if isinstance(getattr(config.verify, key, None), dict):
        place += f".{name}"
    change = "lower" if key.startswith("min") else "raise"
    return (
        f"{name} has {measured}, but {place} is {_number(entry['limit'])}; {remedy}, or {change} "
        f"{place}"
    )


def summary(proof: Mapping[str, Any]) -> dict[str, str]:
    """Return for each artefact that something is asked of whether it is met, in a word or two."""
    texts = {}
    for name, part in proof.items():
        if KEY in part:
            keys = [key for key, entry in part[KEY].items() if not entry["met"]]
            texts[name] = f"missed: {', '.join(keys)}" if keys else "met"
    return texts


def listed(proof: Mapping[str, Any]) -> list[str]:
    """Return a line for each artefact that something is asked of, with limits and figures."""
    lines = []
    for name, part in proof.items():
        texts = []
        for key, entry in part.get(KEY, {}).items():
            measured = "nothing" if entry["measured"] is None else _number(entry["measured"])
            word = "met" if entry["met"] else "MISSED"
            texts.append(f"{key} {_number(entry['limit'])}: measured {measured}, {word}")
        if texts:
            lines.append(f"verify, {name}: {'; '.join(texts)}.")
    return lines


def _measured(row: Mapping[str, Any], scale: float) -> dict[str, float | None]:
    drop, size = row.get("drop"), row.get("bytes")
    return {
        "max_loss": None if drop is None else drop / scale,
        "min_agreement": row.get("agreement"),
        "max_mb": None if size is None else size / MB,
        "max_ms": row.get("p50_ms"),
    }


def _met(key: str, limit: float, measured: Mapping[str, float | None]) -> bool:
    value = measured[key]
    if value is None:
        return False
    # NaN, which compares with nothing, is a miss.
    return value >= limit - ROUNDING if key.startswith("min") else value <= limit + ROUNDING


def _number(value: float) -> str:
    return f"{value:.6g}"
