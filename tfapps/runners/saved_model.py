"""Runs the serving signature of a SavedModel, in batches, without Keras."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.errors import InputError
from tfapps.features import padding
from tfapps.features.feature import Feature, of_input

BATCH = 64  # rows per call: bounds the memory of a long file


class SavedModelRunner:
    """Batch of features (b, t) -> outputs (b, ...) through one of its signatures.

    Args:
        outputs: which of them are wanted; a single one is an array, several are a dictionary.
        signature: that is run.

    Raises:
        InputError: no SavedModel in the folder; missing, unknown or badly shaped inputs.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        outputs: Sequence[str] = padding.OUTPUTS,
        signature: str = "serving_default",
    ) -> None:
        self.path = Path(path)
        self._outputs = tuple(outputs)
        self._model = opened(path, signature)
        self._run = self._model.signatures[signature]
        padding.check_outputs(self.path, self._run.structured_outputs, self._outputs)
        self._inputs = self._run.structured_input_signature[1]
        self._features = features_of(self._inputs)
        self._of_text = next(f.name for f in self._features if f.mask is not None)
        self.length = self._inputs[self._of_text].shape[1]

    @property
    def shapes(self) -> dict[str, tuple[int | None, ...]]:
        """Shapes of the inputs, None for an axis that is open."""
        return {name: tuple(spec.shape) for name, spec in self._inputs.items()}

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs, in alphabetical order."""
        return tuple(sorted(self._inputs))

    def __call__(self, features: Mapping[str, np.ndarray]) -> Any:
        import tensorflow as tf

        rows = padding.check(features, self._features)
        length = np.shape(features[self._of_text])[1]
        static = self.length or length
        fitted = padding.pad(self._features, features, full=True)
        parts = [
            self._run(**{k: tf.constant(v[i : i + BATCH]) for k, v in fitted.items()})
            for i in range(0, max(rows, 1), BATCH)
        ]
        found = [{name: part[name].numpy() for name in self._outputs} for part in parts]
        return padding.outputs(found, self._outputs, static, length)


def features_of(inputs: Mapping[str, Any]) -> tuple[Feature, ...]:
    """Return what a signature takes, by the specs of its inputs (b, t, ...)."""
    return tuple(of_input(name, spec.dtype.name, spec.shape) for name, spec in inputs.items())


def signatures(path: str | os.PathLike) -> list[str]:
    """Names of what a SavedModel can be asked."""
    return sorted(opened(path).signatures)


def opened(path: str | os.PathLike, *signatures: str) -> Any:
    """A SavedModel that has these signatures.

    Raises:
        InputError: there is none, or it lacks one of them.
    """
    import tensorflow as tf

    if not (Path(path) / "saved_model.pb").is_file():
        raise InputError(f"{path}: no SavedModel there; export the run first")
    try:
        model = tf.saved_model.load(str(path))
        for name in signatures:
            model.signatures[name]
    except (OSError, KeyError, ValueError, RuntimeError, tf.errors.OpError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"{path}: TensorFlow cannot load it ({reason}); export it again"
        ) from error
    return model
