"""LiteRT files for the edge: static (1, max_length), built-in ops only, converted in a child."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.errors import Failure, InputError

ARTIFACTS = ("litert_float32", "litert_float16", "litert_dynamic", "litert_int8")
ROWS = 200  # calibration rows: more moves the ranges no further and costs time


def export(
    names: Sequence[str],
    *,
    rebuild: Callable[[int | None, int | None], Any],
    max_length: int,
    calibration: Sequence[Mapping[str, np.ndarray]] = (),
    folder: Path,
) -> None:
    """Write `folder/litert/<kind>.tflite` for each of `names`.

    `litert_float16` has float16 weights and computes in float32; `litert_dynamic` has int8
    weights and float activations, `litert_int8` integers throughout (int32 ids in, float32 logits
    out), its ranges read off the calibration batches; in a model with attention only the matrix
    products are integers, because the rest would ruin it.

    Args:
        names: artefacts asked for, of `ARTIFACTS`.
        rebuild: (batch_size, length) -> functional model with the trained weights.
        max_length: the static length.
        calibration: batches of features (b, t), for `litert_int8`.
        folder: the bundle being written.

    Raises:
        InputError: `litert_int8` without calibration batches.
        Failure: the converter failed or crashed, or the file needs more than built-in ops.
    """
    from tfapps.export import _attention, _lstm, _module

    wanted = [name for name in ARTIFACTS if name in names]
    rows = None
    if "litert_int8" in wanted:
        rows = calibration_rows("litert_int8", calibration, max_length)
    target = Path(folder) / "litert"
    with tempfile.TemporaryDirectory(prefix="tfapps_export_") as temporary:
        saved: dict[bool, Path] = {}
        attention = False
        for name in wanted:
            integer = name == "litert_int8"
            if integer not in saved:
                saved[integer] = Path(temporary) / f"saved_model_{integer:d}"
                model = rebuild(1, max_length)
                _lstm.fuse(model, rows if integer else None)
                if integer:
                    attention = _attention.soften_masks(model) > 0
                _module.save(model, (1, max_length), saved[integer])
            target.mkdir(parents=True, exist_ok=True)
            kind = name.removeprefix("litert_")
            data, mixed = (rows, attention) if integer else (None, False)
            convert(saved[integer], kind, target / f"{kind}.tflite", data, float_elementwise=mixed)


def calibration_rows(
    artifact: str, calibration: Sequence[Mapping[str, np.ndarray]], max_length: int
) -> dict[str, np.ndarray]:
    """Batches of (b, t) -> {input: (rows, max_length) int32}, the first `ROWS` rows.

    Args:
        artifact: the one that needs them, for the message.
        calibration: batches of features (b, t).
        max_length: the static length.

    Raises:
        InputError: there is no row.
    """
    from tfapps.runners import _features

    batches = [batch for batch in calibration if len(next(iter(batch.values())))]
    if not batches:
        raise InputError(
            f"{artifact} needs calibration batches, got none; train on data that has examples"
        )
    return {
        name: np.concatenate([_features.fit(batch[name], max_length) for batch in batches])[:ROWS]
        for name in batches[0]
    }


def convert(
    source: Path,
    kind: str,
    target: Path,
    rows: Mapping[str, np.ndarray] | None = None,
    *,
    float_elementwise: bool = False,
) -> None:
    """SavedModel with a static `serving_default` -> `target`, in a child process.

    `float_elementwise` keeps all but the matrix products of an int8 file in float: the residual
    stream of a transformer has outliers that leave a single integer scale no bits.

    Raises:
        Failure: the child failed or crashed, or the result is no pure built-in graph.
    """
    from tfapps.export import _child, _lstm

    target = Path(target)
    with tempfile.TemporaryDirectory(prefix="tfapps_convert_") as temporary:
        made = Path(temporary) / target.name
        arguments = [str(source), kind, str(made)]
        if rows is not None:
            np.savez(Path(temporary) / "calibration.npz", **rows)
            arguments.append(str(Path(temporary) / "calibration.npz"))
            arguments += ["float_elementwise"] * float_elementwise
        content = _child.run("_convert", arguments, made, f"litert_{kind}")
    foreign = foreign_ops(content)
    if foreign:
        raise Failure(
            f"litert_{kind} needs ops that LiteRT does not have built in: {', '.join(foreign)}; "
            "rewrite the layer that makes them"
        )
    target.write_bytes(_lstm.unclip(content))


def foreign_ops(content: bytes) -> list[str]:
    """Names of the custom ops (Flex included) in a .tflite file, subgraphs included.

    Raises:
        Failure: the bytes are no TFLite model.
    """
    from ai_edge_litert import schema_py_generated as schema

    if content[4:8] != b"TFL3":
        raise Failure("the converter wrote something that is no TFLite file")
    model = schema.Model.GetRootAs(content, 0)
    codes = (model.OperatorCodes(i) for i in range(model.OperatorCodesLength()))
    return sorted(
        code.CustomCode().decode()
        for code in codes
        if code.BuiltinCode() == schema.BuiltinOperator.CUSTOM
    )
