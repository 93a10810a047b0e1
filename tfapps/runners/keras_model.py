"""Features in, outputs of a Keras model out, some rows at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfapps.features.arrays import each

BATCH = 64  # rows that the model is given at once


class KerasRunner:
    """A functional model, run as an exported file is.

    Attributes:
        inputs: names of the features that it reads.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self.inputs = tuple(tensor.name for tensor in model.inputs)

    def __call__(self, features: Mapping[str, np.ndarray]) -> Any:
        """{name: (b, t)} -> outputs (b, ...), an array or several by name."""
        parts = []
        for start in range(0, len(next(iter(features.values()))), BATCH):
            rows = {key: value[start : start + BATCH] for key, value in features.items()}
            parts.append(self._model.predict_on_batch(rows))
        return each(lambda *arrays: np.concatenate(arrays), *parts)
