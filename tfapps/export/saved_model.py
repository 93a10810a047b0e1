"""SavedModel for TensorFlow serving: any batch, any length, no Keras needed to load it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfapps.export import base
from tfapps.export.parts import module

if TYPE_CHECKING:
    import numpy as np

ARTIFACTS = ("saved_model",)


def export(
    names: Sequence[str],
    *,
    rebuild: Callable[[int | None, int | None], Any],
    max_length: int,
    calibration: Sequence[Mapping[str, np.ndarray]] = (),
    split: module.Split = module.serving_signature,
    folder: Path,
) -> None:
    """Write `folder/saved_model`; `max_length` becomes static only where a model demands it.

    Args:
        names: artefacts asked for, of `ARTIFACTS`.
        rebuild: (batch_size, length) -> functional model with the trained weights.
        max_length: length for a model that cannot be built with a free one.
        calibration: not used here; every exporter takes the same arguments.
        split: model -> {signature: model}, its parts that a file holds.
        folder: the bundle being written.
    """
    if "saved_model" not in names:
        return
    target = Path(folder) / "saved_model"
    shutil.rmtree(target, ignore_errors=True)
    try:
        module.save(split(rebuild(None, None)), target)
    except (TypeError, ValueError):
        shutil.rmtree(target, ignore_errors=True)
        module.save(split(rebuild(None, max_length)), target)


class Exporter(base.Exporter):
    """What other packages ask of this file."""

    artifacts = of_steps = ARTIFACTS
    export = staticmethod(export)
