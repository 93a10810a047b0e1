"""Measure the cost of every artefact of a run on the run's own dev rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfapps import extras
from tfapps.bundle.artefacts import full_name
from tfapps.bundle.bundle import Bundle
from tfapps.config.sections import RunConfig
from tfapps.presets import offline
from tfapps.runs.prepared import prepare


def benchmark(
    bundle: Bundle,
    config: RunConfig,
    rows: int = 200,
    threads: int = 1,
    artifacts: Sequence[str] | None = None,
) -> dict[str, dict[str, Any]]:
    """Measure size, latency, throughput and peak memory of artefacts.

    Args:
        artifacts: names of the artefacts; None is `measurable`.
        rows: number of single dev rows that are timed for each artefact.
        threads: of a LiteRT artefact; TensorFlow chooses its own number.

    Returns:
        A dictionary an artefact: bytes, p50_ms, p95_ms, throughput_per_s, peak_bytes (where the
        artefact is a file that runs by itself), and its headline metric on the dev set.
    """
    from tfapps.backends.base import SERVE
    from tfapps.serve.artifacts import open_runner
    from tfapps.verify import cost as measuring

    available = bundle.artifacts()
    names = measurable(bundle)
    if artifacts is not None:
        names = [full_name(name, available, bundle.path) for name in artifacts]
    files = {name: bundle.artifact(name) for name in names}
    with offline.bundle(bundle.path):
        prepared = prepare(config, bundle)
    features = prepared.arrays("dev", np.arange(min(rows, len(prepared.encoded["dev"]))))
    dev = bundle.metrics["dev"]
    figures: dict[str, dict[str, Any]] = {}
    for name, file in files.items():
        with offline.bundle(bundle.path):
            runner = open_runner(
                name, bundle, config, prepared.task, prepared.tokenizer, threads=threads
            )
        measured = {"bytes": measuring.size(file)}
        inputs = {feature.name: features[feature.name] for feature in runner.features}
        measured |= measuring.measure(runner, inputs, rows=rows)
        if name != "keras" and SERVE in runner.backend.signatures:
            measured["peak_bytes"] = measuring.peak_memory(file, length=config.model.max_length)
        headline = prepared.task.headline
        if name in dev:
            measured[headline] = dev[name][headline]
        figures[name] = measured
    return figures


def measurable(bundle: Bundle) -> list[str]:
    """Return the artefacts that are measured by default: LiteRT files, and Keras if installed.

    A SavedModel is code: it must always be asked for.
    """
    from tfapps.serve.artifacts import SAVED_MODEL

    excluded = {SAVED_MODEL} if extras.installed("keras") else {SAVED_MODEL, "keras"}
    return [name for name in bundle.artifacts() if name not in excluded]


def table(bundle: Bundle, figures: dict[str, dict[str, Any]]) -> str:
    """Return `benchmark`'s figures as a text table, one line an artefact."""
    headline = bundle.metrics["headline"]
    columns = (
        ("size MB", "bytes", 1e-6, 2),
        (headline, headline, 1, 4),
        ("p50 ms", "p50_ms", 1, 2),
        ("p95 ms", "p95_ms", 1, 2),
        ("texts/s", "throughput_per_s", 1, 1),
        ("peak MB", "peak_bytes", 1e-6, 0),
    )
    lines = [f"{'artefact':<16}" + "".join(f"{title:>11}" for title, *_ in columns)]
    for name, measured in figures.items():
        cells = [
            f"{measured[key] * scale:>11.{digits}f}" if key in measured else f"{'-':>11}"
            for _, key, scale, digits in columns
        ]
        lines.append(f"{name:<16}" + "".join(cells))
    return "\n".join(lines)
