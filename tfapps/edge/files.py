"""LiteRT files of any Keras 3 model."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tfapps.backends.litert import LiteRT
from tfapps.edge import arrays, static
from tfapps.errors import Failure, InputError
from tfapps.export import edge_quantizer, litert
from tfapps.graph.checks import checked

KINDS = ("float32", "float16", "dynamic", "int8", "int4")
SUFFIX = ".tflite"


def export(
    model: Any,
    path: str | os.PathLike,
    kinds: Sequence[str],
    calibration: Any,
    length: int | None,
) -> dict[str, Path]:
    """Write the files of `tfapps.export_litert`."""
    checked(model, "export_litert")
    targets = _targets(Path(path), [kinds] if isinstance(kinds, str) else list(kinds))
    shapes = static.shapes_of(model, length)

    def rebuild(batch_size: int | None = 1, length: int | None = None) -> Any:
        return static.static(model, shapes)

    rows = _rows(model, shapes, calibration) if calibration is not None else []
    if "int8" in targets and not rows and litert.needs_calibration(rebuild()):
        raise InputError(
            "export_litert: int8 needs calibration=..., some 100 rows of inputs: the ranges of "
            "this model's activations were not trained by tfapps.quantize, or it has an LSTM, "
            "whose integer form is always calibrated"
        )
    with tempfile.TemporaryDirectory(prefix="tfapps_litert_") as temporary:
        _write(list(targets), rebuild, rows, Path(temporary))
        for kind, target in targets.items():
            _check_runs(Path(temporary) / "litert" / f"{kind}{SUFFIX}")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(Path(temporary) / "litert" / f"{kind}{SUFFIX}", target)
    return targets


def _check_runs(file: Path) -> None:
    """Run a file once, so that none is handed out which LiteRT refuses.

    Raises:
        Failure: it does.
    """
    try:
        LiteRT(file)
    except InputError as error:
        raise Failure(
            f"export_litert: LiteRT cannot run the {file.stem} form of this model; export another "
            f"kind, dynamic for one ({error})"
        ) from error


def _targets(path: Path, kinds: Sequence[str]) -> dict[str, Path]:
    """Return the file of each kind."""
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise InputError(
            f"export_litert: kinds: got {unknown or 'none'}, expected some of {', '.join(KINDS)}"
        )
    if path.suffix != SUFFIX:
        return {kind: path / f"{kind}{SUFFIX}" for kind in kinds}
    if len(kinds) > 1:
        raise InputError(
            f"export_litert: {path} is one file, but kinds asks for {len(kinds)}; give a folder"
        )
    return {kinds[0]: path}


def _rows(model: Any, shapes: Any, calibration: Any) -> list[dict[str, Any]]:
    names, what = static.input_names(model), "export_litert: calibration"
    rows = arrays.by_name(calibration, names, what)
    arrays.check_shapes(rows, shapes, what)
    types = {name: x.dtype for name, x in zip(names, model.inputs, strict=True)}
    return [{name: array[: litert.ROWS].astype(types[name]) for name, array in rows.items()}]


def _write(
    kinds: Sequence[str], rebuild: Callable[..., Any], rows: Sequence[Any], folder: Path
) -> None:
    """Write `folder/litert/<kind>.tflite`."""
    artefacts = [f"litert_{kind}" for kind in kinds]
    options: dict[str, Any] = {"rebuild": rebuild, "max_length": 0, "folder": folder}
    for exporter in (litert, edge_quantizer):
        names = [name for name in artefacts if name in exporter.ARTIFACTS]
        exporter.export(names, calibration=rows, **options)
