"""Runs the encoder and the decoder's step of a SavedModel, without Keras."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfapps.runners.saved_model import opened

Arrays = Mapping[str, np.ndarray]


class SavedSteps:
    """Signatures `encode` and `step`, for any number of rows.

    Raises:
        InputError: no SavedModel in the folder, or one without these signatures.
    """

    rows = None

    def __init__(self, path: str | os.PathLike) -> None:
        self._model = opened(path, "encode", "step")
        self._encode = self._model.signatures["encode"]
        self._step = self._model.signatures["step"]
        self._states = self._step.structured_outputs.keys() - {"logits", "attention"}

    def encode(self, features: Arrays) -> tuple[Arrays, Arrays]:
        """Features (b, s) -> first states, and what all steps read."""
        found = _call(self._encode, features)
        states = {name: found[name] for name in self._states}
        return states, {name: found[name] for name in found.keys() - self._states}

    def step(
        self, token_ids: np.ndarray, states: Arrays, context: Arrays
    ) -> tuple[np.ndarray, Arrays, np.ndarray | None]:
        """Last tokens (n,) -> logits (n, v), states, attention (n, s) if there is any."""
        token_ids = np.asarray(token_ids, np.int32)
        found = _call(self._step, {"token_ids": token_ids, **states, **context})
        states = {name: found[name] for name in self._states}
        return found["logits"], states, found.get("attention")


def _call(signature: Any, given: Arrays) -> dict[str, np.ndarray]:
    import tensorflow as tf

    inputs = {name: tf.constant(given[name]) for name in signature.structured_input_signature[1]}
    return {name: value.numpy() for name, value in signature(**inputs).items()}
