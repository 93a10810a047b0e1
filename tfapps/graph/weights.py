"""Weights on disk: safetensors, one tensor per weight path, always float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfapps.errors import InputError

if TYPE_CHECKING:
    import keras

SHOWN = 5


def variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Return every weight by path, including non-trainable ones, except seed generator states.

    Raises:
        ValueError: two weights share a path, so a file could not distinguish them.
    """
    by_path: dict[str, keras.Variable] = {}
    for weight in model.weights:
        if weight.name == "seed_generator_state":
            continue
        if weight.path in by_path:
            raise ValueError(f"two weights are called {weight.path}: name their layers differently")
        by_path[weight.path] = weight
    return by_path


def save(
    model: keras.Model,
    path: str | Path,
    keep: Callable[[keras.Variable], bool] = lambda weight: True,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write the weights of `model` that `keep` selects to `path`, by default all.

    Integers are stored as they are; every other number as float32.

    Raises:
        InputError: the file cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save as serialized

    selected = {name: weight for name, weight in variables(model).items() if keep(weight)}
    tensors = {name: _stored(weight) for name, weight in selected.items()}
    try:
        # Not `save_file`: its files are readable by their owner alone.
        Path(path).write_bytes(serialized(tensors, dict(notes or {})))
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot write {path}: {error}") from None


def notes(path: str | Path) -> dict[str, str]:
    """Return the notes passed to `save`."""
    from safetensors import safe_open

    with safe_open(str(path), "np") as file:
        return file.metadata() or {}


def load(
    model: keras.Model,
    path: str | Path,
    keep: Callable[[keras.Variable], bool] = lambda weight: True,
) -> None:
    """Set the weights of `model` from a file that `save` wrote; none is set if one does not fit.

    Args:
        keep: as for `save`.

    Raises:
        InputError: the file is unreadable, or a weight is missing, unexpected or of another shape.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not Path(path).is_file():
        raise InputError(f"no weights file at {path}")
    try:
        tensors = load_file(str(path))
    except (OSError, SafetensorError, ValueError) as error:
        raise InputError(f"cannot read weights {path}: {error}") from None
    expected = {name: weight for name, weight in variables(model).items() if keep(weight)}
    _refuse(path, "missing", sorted(expected.keys() - tensors.keys()))
    _refuse(path, "unexpected", sorted(tensors.keys() - expected.keys()))
    wrong = [
        f"{name} {tensors[name].shape}, expected {tuple(weight.shape)}"
        for name, weight in expected.items()
        if tensors[name].shape != tuple(weight.shape)
    ]
    _refuse(path, "of wrong shape", wrong)
    for name, weight in expected.items():
        weight.assign(tensors[name])


def _stored(weight: keras.Variable) -> np.ndarray:

    array = weight.numpy()
    kind = array.dtype if array.dtype.kind in "iub" else np.float32
    return np.asarray(array.astype(kind), order="C")  # ascontiguousarray would make a scalar (1,)


def _refuse(path: str | Path, reason: str, names: list[str]) -> None:
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise InputError(
            f"{path} does not fit the model: {reason}: {', '.join(names[:SHOWN])}{more}; the file "
            "belongs to another config"
        )
