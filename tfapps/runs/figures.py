"""The figures of a run's artefacts that people read: one row each, for tables and cards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfapps.bundle.bundle import Bundle

COSTS = ("bytes", "gzip_bytes", "partitions", "p50_ms")
UNCOMPRESSED = "uncompressed"  # in metrics.json: the trained model before `compress:`


def rows(metrics: Mapping[str, Any], proof: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each artefact, and one for the model before compression.

    Args:
        metrics: content of metrics.json, of this version or an older one.
        proof: content of verify.json, empty before `verify` ran.

    Returns:
        artifact; metric, the headline metric on dev; test, the same on the test set, with its
        rows and its 95 % interval; drop, what is lost on dev against the model before compression
        (against the Keras model where nothing was compressed); bytes, gzip_bytes, partitions,
        p50_ms, agreement and max_logit_difference of verify; None for what was not measured;
        recommended, whether it is the file to ship.
    """
    headline, tested = metrics["headline"], metrics.get("tested", {})
    before = metrics.get(UNCOMPRESSED)
    table = [_before(headline, before)] if before else []
    reference = before["dev"][headline] if before else _dev(headline, "keras", metrics, proof)
    for name in metrics["dev"]:
        proven, metric = proof.get(name, {}), _dev(headline, name, metrics, proof)
        compared = before or (name != "keras" and proven)
        row: dict[str, Any] = {"artifact": name, "recommended": metrics.get("recommended") == name}
        row |= {"metric": metric, "drop": reference - metric if compared else None}
        row["test"] = metrics.get("test", {}).get(name, {}).get(headline)
        row |= {key: tested.get(name, {}).get(key) for key in ("rows", "interval")}
        keys = (*COSTS, "agreement", "max_logit_difference")
        table.append(row | {key: proven.get(key) for key in keys})
    return table


def reported(report: Mapping[str, Any]) -> list[str]:
    """Write the figures that a compressor reports; what it says of each layer is left out."""
    return [f"{key} {_figure(value)}" for key, value in report.items() if key != "layers"]


def _figure(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def uncompressed(source: Bundle) -> dict[str, Any]:
    """Return what metrics.json keeps of a trained run that is about to be compressed."""
    from tfapps.verify import cost

    file = source.weights
    sizes = {"bytes": cost.size(file), "gzip_bytes": cost.gzip_size(file)}
    return {UNCOMPRESSED: {"dev": source.metrics["dev"]["keras"], **sizes}}


def _before(headline: str, before: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("drop", "test", "rows", "interval", *COSTS, "agreement", "max_logit_difference")
    row = dict.fromkeys(keys) | {key: before.get(key) for key in ("bytes", "gzip_bytes")}
    row |= {"artifact": UNCOMPRESSED, "metric": before["dev"][headline], "recommended": False}
    return row


def _dev(headline: str, name: str, metrics: Mapping[str, Any], proof: Mapping[str, Any]) -> float:
    """Return a metric on dev: that of the rows which artefacts are compared on."""
    return proof.get(name, {}).get("metric", metrics["dev"][name][headline])
