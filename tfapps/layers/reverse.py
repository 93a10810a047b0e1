"""Reverses sequences without their padding."""

from __future__ import annotations

import keras
from keras import KerasTensor, ops


@keras.saving.register_keras_serializable("tfapps")
class ReverseOrder(keras.layers.Layer):
    """For every position of a batch, the row to read to reverse the real part of its sequence.

    Computed once per model and shared. The order is its own inverse.

    Shapes: padding_mask (b, t), ones before zeros -> (b * t,) int32, into rows of (b * t, d).
    """

    def call(self, padding_mask: KerasTensor) -> KerasTensor:
        batch, time = ops.shape(padding_mask)
        mask = ops.cast(padding_mask, "int32")
        place = ops.expand_dims(ops.arange(time, dtype="int32"), 0)  # 1 t
        last = ops.subtract(ops.sum(mask, axis=1, keepdims=True), 1)  # b 1
        reversed_place = ops.where(ops.greater(place, last), place, ops.subtract(last, place))
        row = ops.expand_dims(ops.arange(batch, dtype="int32"), 1)  # b 1
        # Not `ops.add`: on TensorFlow it treats (b, 1) as a bias of the last axis if b == t.
        return ops.reshape(ops.subtract(reversed_place, ops.multiply(row, -time)), (-1,))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        is_static = None not in input_shape
        return (input_shape[0] * input_shape[1] if is_static else None,)


@keras.saving.register_keras_serializable("tfapps")
class Reverse(keras.layers.Layer):
    """Reorder a batch of sequences.

    Shapes: x (b, t, d), order (b * t,) from `ReverseOrder` -> (b, t, d).
    """

    def call(self, x: KerasTensor, order: KerasTensor) -> KerasTensor:
        shape = ops.shape(x)
        rows = ops.take(ops.reshape(x, (-1, shape[-1])), order, axis=0)
        return ops.reshape(rows, shape)

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], order_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return x_shape
