"""Padding set to zero, for layers that look at neighbours."""

from __future__ import annotations

import keras
from keras import KerasTensor, ops


@keras.saving.register_keras_serializable("tfapps")
class OnlyTokens(keras.layers.Layer):
    """Set the states of padding to zero, so that they are what lies beyond the end of a text.

    Shapes: x (b, t, d), padding_mask (b, t), 1 = real token -> (b, t, d).
    """

    def call(self, x: KerasTensor, padding_mask: KerasTensor) -> KerasTensor:
        mask = ops.expand_dims(ops.cast(padding_mask, self.compute_dtype), -1)
        return ops.multiply(x, mask)

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], padding_mask_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return x_shape
