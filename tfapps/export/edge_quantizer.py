"""LiteRT files with 4- and 8-bit weights, made by litert-quantizer from the float32 file.

In every one of them the weights of dense layers are integers with a scale for each output,
max|w| / 7 in 4 bits and max|w| / 127 in 8, and embedding tables with one for each row; so weights
that training left on such a grid come out as they were. The inputs of a product are rounded to
int8 as they come: one delegate partition, where weights that are turned back into floats cost one
for each matrix and ten times the time.

LSTMs stay float32, since litert-quantizer does not know the op: a model that is mostly LSTM is
smaller as `litert_dynamic`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.backends.base import SERVE
from tfapps.backends.litert import LiteRT
from tfapps.errors import InputError
from tfapps.export import base, litert
from tfapps.export.parts import child, embedding, module

ARTIFACTS = ("litert_int4", "litert_int4e", "litert_aeq_dynamic", "litert_aeq_int8")


def export(
    names: Sequence[str],
    *,
    rebuild: Callable[[int | None, int | None], Any],
    max_length: int,
    calibration: Sequence[Mapping[str, np.ndarray]] = (),
    split: module.Split = module.serving_signature,
    folder: Path,
) -> None:
    """Write `folder/litert/<kind>.tflite` for each of `names`.

    - `litert_int4`: matrices in 4 bits, embedding tables in 8.
    - `litert_int4e`: both in 4 bits.
    - `litert_aeq_dynamic`: both in 8 bits, the twin of `litert_dynamic`.
    - `litert_aeq_int8`: both in 8 bits, inputs and outputs of the dense layers on scales read off
      the calibration batches; all else is float, because one scale for the residual stream of a
      transformer ruins it.

    Args:
        names: artefacts asked for, of `ARTIFACTS`.
        rebuild: (batch_size, length) -> functional model with the trained weights.
        calibration: batches of features (b, t), for `litert_aeq_int8`.
        split: model -> {signature: model}, its parts that a file holds.

    Raises:
        InputError: `litert_aeq_int8` without calibration batches, `litert_int4e` of embeddings
            whose width is odd.
        Failure: converter or quantizer failed or crashed.
    """
    selected = [name for name in ARTIFACTS if name in names]
    calibrated = "litert_aeq_int8"
    target = Path(folder) / "litert"
    with tempfile.TemporaryDirectory(prefix="tfapps_quantize_") as temporary:
        rows = Path(temporary) / "calibration.npz"
        if calibrated in selected:
            batches = litert.calibration_batches(calibrated, calibration)
        source = _float_file(rebuild, max_length, split, Path(temporary)) if selected else None
        if calibrated in selected:
            np.savez(rows, **_rows(batches, source))
        if "litert_int4e" in selected:
            _check_widths(source)
        for name in selected:
            kind = name.removeprefix("litert_")
            path = Path(temporary) / f"{kind}.tflite"
            arguments = [source, kind, path] + [rows] * (name == calibrated)
            content = child.run("quantize.quantize", arguments, path, name)
            target.mkdir(parents=True, exist_ok=True)
            # The quantizer puts weights behind the flatbuffer, where older runtimes don't look;
            # what is written anew has them inside.
            (target / path.name).write_bytes(embedding.scales_apart(content))


def _rows(batches: Sequence[Mapping[str, np.ndarray]], source: Path) -> dict[str, np.ndarray]:
    """Return calibration rows of the length that the file takes."""
    inputs = LiteRT(source).signatures[SERVE].inputs
    shapes = {name: tensor.shape for name, tensor in inputs.items()}
    return litert.calibration_rows(batches, shapes)


def _check_widths(source: Path) -> None:
    odd = sorted(width for width in embedding.widths(source.read_bytes()) if width % 2)
    if odd:
        # Two values share a byte, and LiteRT takes every row to begin with a byte of its own.
        raise InputError(
            f"litert_int4e: got embeddings of width {odd[0]}, but LiteRT reads 4-bit tables of "
            "even width only; change the width, or export litert_int4 (8-bit embeddings)"
        )


def _float_file(
    rebuild: Callable[[int | None, int | None], Any],
    max_length: int,
    split: module.Split,
    folder: Path,
) -> Path:
    """Return the model's float32 file, its embedding tables where the quantizer can reach them."""
    from tfapps.export import litert
    from tfapps.export.parts import integers, lstm

    model = rebuild(1, max_length)
    integers.bake(model)
    lstm.fuse(model)
    module.save(split(model), folder / "saved_model")
    source = folder / "float32.tflite"
    litert.convert(folder / "saved_model", "float32", source)
    source.write_bytes(embedding.look_up(source.read_bytes()))
    return source


class Exporter(base.Exporter):
    """What other packages ask of this file."""

    artifacts = ARTIFACTS
    adds_probabilities = True
    export = staticmethod(export)
