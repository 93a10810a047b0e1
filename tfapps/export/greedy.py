"""A translator in a single LiteRT file of one signature: no search is left to its caller."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfapps.export import base, litert
from tfapps.export.parts import integers, lstm, module
from tfapps.forms.parts import greedy_graph

if TYPE_CHECKING:
    import numpy as np

ARTIFACTS = ("litert_greedy",)


def export(
    names: Sequence[str],
    *,
    rebuild: Callable[[int | None, int | None], Any],
    max_length: int,
    calibration: Sequence[Mapping[str, np.ndarray]] = (),
    split: module.Split,
    folder: Path,
) -> None:
    """Write `folder/litert/greedy.tflite`: static (1, max_length), built-in ops, float32 weights.

    Args:
        names: artefacts asked for, of `ARTIFACTS`.
        rebuild: (batch_size, length) -> functional model with the trained weights.
        max_length: the static length.
        calibration: not used here; every exporter takes the same arguments.
        split: model -> {signature: graph}, one of them `translate`.
        folder: the bundle being written.

    Raises:
        Failure: the converter failed or crashed, or the file needs more than built-in ops.
    """
    if "litert_greedy" not in names:
        return
    target = Path(folder) / "litert" / "greedy.tflite"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tfapps_export_") as temporary:
        model = rebuild(1, max_length)
        integers.bake(model)
        lstm.fuse(model)
        graphs = split(model)
        module.save({greedy_graph.SIGNATURE: graphs[greedy_graph.SIGNATURE]}, Path(temporary))
        litert.convert(Path(temporary), "float32", target)


class Exporter(base.Exporter):
    """What other packages ask of this file."""

    artifacts = of_steps = only_steps = searching = ARTIFACTS
    adds_probabilities = True
    export = staticmethod(export)
