"""SavedModels with TensorFlow, without Keras."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.backends.base import Arrays, Backend, Signature, Tensor
from tfapps.errors import InputError


class SavedModel(Backend):
    """The signatures of a folder.

    Raises:
        InputError: no SavedModel in the folder, or a damaged one.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.name = str(path)
        self._model = opened(path)  # owns the variables
        self._runs = dict(self._model.signatures)
        self.signatures = {
            name: Signature(
                _tensors(run.structured_input_signature[1]), _tensors(run.structured_outputs)
            )
            for name, run in self._runs.items()
        }

    def call(self, signature: str, arrays: Arrays) -> dict[str, np.ndarray]:
        """Run a signature."""
        import tensorflow as tf

        outputs = self._runs[signature](**{n: tf.constant(array) for n, array in arrays.items()})
        return {name: value.numpy() for name, value in outputs.items()}


def _tensors(specs: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: Tensor(tuple(spec.shape), spec.dtype.name) for name, spec in specs.items()}


def opened(path: str | os.PathLike) -> Any:
    """Load a SavedModel.

    Raises:
        InputError: there is none, or it is damaged.
    """
    import tensorflow as tf

    if not (Path(path) / "saved_model.pb").is_file():
        raise InputError(f"{path}: no SavedModel there; export the run first")
    try:
        return tf.saved_model.load(str(path))
    except (OSError, KeyError, ValueError, RuntimeError, tf.errors.OpError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"{path}: TensorFlow cannot load it ({reason}); export it again"
        ) from error
