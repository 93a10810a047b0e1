"""Normalises vectors to a fixed length."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments

TINY = 1e-12


@keras.saving.register_keras_serializable("tfapps")
class UnitLength(Arguments):
    """Divides a vector by its length, so that a product with another one is their cosine.

    Args:
        scale: the length afterwards.

    Shapes: (..., d) -> the same.
    """

    def __init__(self, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, x: KerasTensor) -> KerasTensor:
        x = ops.cast(x, "float32")  # squares overflow in half precision
        square = ops.sum(ops.multiply(x, x), axis=-1, keepdims=True)
        x = ops.multiply(x, ops.multiply(ops.rsqrt(ops.maximum(square, TINY)), self.scale))
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape
