"""Runs the greedy translator of a SavedModel, in batches, without Keras."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from tfapps.features import padding
from tfapps.runners.saved_model import BATCH, features_of, opened

Arrays = Mapping[str, np.ndarray]
TRANSLATE = "translate"


class SavedGreedy:
    """Features (b, s) -> target_ids (b, limit), length (b,), log_prob (b,), attention.

    Raises:
        InputError: no SavedModel in the folder, or one without the signature `translate`; missing
            or badly shaped inputs.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self._model = opened(path, TRANSLATE)
        self._run = self._model.signatures[TRANSLATE]
        inputs = self._run.structured_input_signature[1]
        self._features = features_of(inputs)
        self.length = inputs["token_ids"].shape[1]

    def __call__(self, features: Arrays) -> dict[str, np.ndarray]:
        import tensorflow as tf

        rows = padding.check(features, self._features)
        fitted = padding.pad(self._features, features, full=True)
        found = [
            self._run(**{k: tf.constant(v[i : i + BATCH]) for k, v in fitted.items()})
            for i in range(0, max(rows, 1), BATCH)
        ]
        return {name: np.concatenate([part[name].numpy() for part in found]) for name in found[0]}
