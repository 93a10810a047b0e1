"""Export a trained run to the artefacts of its config."""

from __future__ import annotations

import functools
import shutil
from collections import defaultdict
from typing import Any

import numpy as np

from tfapps import registry
from tfapps.backends.base import SERVE
from tfapps.bundle import bundle as bundles
from tfapps.bundle.bundle import Bundle
from tfapps.config.load import dump
from tfapps.config.sections import RunConfig
from tfapps.forms.parts.probable import Probable
from tfapps.runs import described
from tfapps.runs.prepared import Prepared
from tfapps.runs.trained import open_trained, rebuild
from tfapps.stages.judging import current

CALIBRATION_ROWS = 200


def export(config: RunConfig) -> Bundle:
    """Write every artefact of `export:` into the trained bundle."""
    prepared, bundle = open_trained(config)
    return export_prepared(prepared, current(prepared, bundle))


def export_prepared(prepared: Prepared, bundle: Bundle) -> Bundle:
    """Export on loaded data; artefacts that are no longer in `export:` are removed."""
    config = prepared.config
    exporters: dict[str, list[str]] = defaultdict(list)
    for name in config.export:
        exporters[registry.artifacts()[name]].append(name)
    removed = [n for n in bundle.artifacts() if n not in ("keras", *config.export)]
    if removed:
        print(f"removing {', '.join(removed)}, which export: does not name any more", flush=True)
    calibration = _calibration(prepared) if exporters else []
    with bundles.writing(bundle.path, base=bundle) as draft:
        for stale in ("saved_model", "litert"):
            shutil.rmtree(draft.path / stale, ignore_errors=True)
        draft.stages.pop("verify", None)
        for exporter, names in exporters.items():
            print(f"exporting {', '.join(names)}", flush=True)
            kind = registry.plugin("exporter", exporter)
            shorter = {"lengths": config.lengths} if kind.of_lengths else {}
            kind.export(
                names,
                **shorter,
                rebuild=functools.partial(rebuild, prepared, bundle),
                max_length=config.model.max_length,
                calibration=calibration,
                split=functools.partial(parts, prepared, exporter=kind),
                folder=draft.path,
            )
        described.describe(prepared, draft.path)
        (draft.path / "config.yaml").write_text(dump(config), encoding="utf-8")
        draft.stages |= {"train": prepared.fingerprint, "export": artifacts_key(config)}
    return Bundle.open(bundle.path)


def parts(prepared: Prepared, model: Any, exporter: Any = None) -> dict[str, Any]:
    """Return a run's graphs by signature, those that files may hold.

    Args:
        exporter: if it adds no probabilities by itself, the graphs have them.
    """
    config, task = prepared.config, prepared.task
    kind = registry.plugin("model", config.model.name)
    form = registry.plugin("form", task.form)
    graphs = form.graphs(model, kind, task, config.model.max_length)
    activations = described.probabilities(config, task)
    if activations and exporter is not None and not exporter.adds_probabilities:
        graphs[SERVE] = Probable(graphs[SERVE], activations)
    return graphs


def artifacts_key(config: RunConfig) -> str:
    """Return the key that identifies a finished export or verify."""
    more = ["probabilities"] if config.probabilities else []
    return ",".join([*config.export, *map(str, config.lengths), *more])


def _calibration(prepared: Prepared) -> list[dict[str, np.ndarray]]:
    rows = np.random.default_rng(prepared.config.seed).permutation(len(prepared.encoded["train"]))
    arrays = prepared.arrays("train", rows[:CALIBRATION_ROWS])
    count = len(next(iter(arrays.values())))
    return [{name: value[i : i + 1] for name, value in arrays.items()} for i in range(count)]
