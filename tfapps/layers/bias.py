"""A learned bias for every channel."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops


@keras.saving.register_keras_serializable("tfapps")
class Bias(keras.layers.Layer):
    """Adds a learned bias to each channel.

    Shapes: (..., d) -> the same.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.bias = self.add_weight(name="bias", shape=(input_shape[-1],), initializer="zeros")

    def call(self, x: KerasTensor) -> KerasTensor:
        return ops.add(x, ops.cast(self.bias, x.dtype))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[Any, ...]:
        return input_shape
