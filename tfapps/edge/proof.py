"""Compares LiteRT files with the Keras model that they were made of."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.backends.base import SERVE, Arrays
from tfapps.backends.litert import LiteRT
from tfapps.edge import arrays, measures, static, table
from tfapps.edge.files import KINDS, SUFFIX
from tfapps.edge.reports import FileReport, OutputReport
from tfapps.errors import InputError
from tfapps.graph.checks import checked
from tfapps.verify import cost

TIMED = 50  # single rows


def verify(
    model: Any, path: str | os.PathLike, inputs: Any, targets: Any, metric: Any
) -> dict[str, FileReport]:
    """Return and print what `tfapps.verify_litert` does."""
    import keras

    checked(model, "verify_litert")
    rows = arrays.by_name(inputs, static.input_names(model), "verify_litert: inputs")
    # Not model.predict: that of a KerasHub task would preprocess the rows once more.
    raw = keras.Model.predict(model, static.packed(model, rows), verbose=0)
    expected = {name: np.asarray(value) for name, value in static.named_outputs(raw).items()}
    compare = measures.comparison(expected, targets, metric)
    reports = {file.stem: _report(file, rows, expected, compare) for file in _files(Path(path))}
    print(table.lines(reports, measures.title(metric)))
    return reports


def _files(path: Path) -> list[Path]:
    order = {kind: place for place, kind in enumerate(KINDS)}
    files = [path]
    if path.is_dir():
        names = sorted(path.glob(f"*{SUFFIX}"))
        files = sorted(names, key=lambda file: order.get(file.stem, len(order)))
    if not files:
        raise InputError(
            f"verify_litert: {path} has no .tflite file; write some with tfapps.export_litert"
        )
    return files


def _report(
    file: Path, rows: Arrays, expected: Arrays, compare: Callable[[str, np.ndarray], Any]
) -> FileReport:
    backend = LiteRT(file)
    inputs = backend.signatures[SERVE].inputs
    if set(inputs) != set(rows):
        raise InputError(
            f"verify_litert: {file} takes {sorted(inputs)}, the model {sorted(rows)}; export the "
            "file from this model"
        )
    arrays.check_shapes(rows, {n: t.shape[1:] for n, t in inputs.items()}, "verify_litert: inputs")
    typed = {name: array.astype(inputs[name].dtype) for name, array in rows.items()}

    def run(batch: Arrays) -> dict[str, np.ndarray]:
        count = len(next(iter(batch.values())))
        single = [{name: x[i : i + 1] for name, x in batch.items()} for i in range(count)]
        answers = [backend.call(SERVE, row) for row in single]
        return {name: np.concatenate([each[name] for each in answers]) for name in answers[0]}

    outputs = run(typed)
    if set(outputs) != set(expected):
        raise InputError(
            f"verify_litert: {file} gives {sorted(outputs)}, the model {sorted(expected)}; export "
            "the file from this model"
        )
    return FileReport(
        file,
        cost.size(file),
        backend.partitions(),
        cost.measure(run, typed, TIMED)["p50_ms"],
        {name: OutputReport(**compare(name, outputs[name])) for name in expected},
    )
