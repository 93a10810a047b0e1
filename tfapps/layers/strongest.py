"""The largest value of every channel."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops


@keras.saving.register_keras_serializable("tfapps")
class Strongest(keras.layers.Layer):
    """Maximum over the positions, the axis before the channels.

    Shapes: (..., l, d) -> (..., d).
    """

    def call(self, x: KerasTensor) -> KerasTensor:
        return ops.max(x, axis=-2)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[Any, ...]:
        return (*input_shape[:-2], input_shape[-1])
