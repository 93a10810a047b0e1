"""The mask of later tokens, as an addend of attention scores."""

from __future__ import annotations

import keras
from keras import KerasTensor, ops

from tfapps.layers.attention_bias import AttentionBias


@keras.saving.register_keras_serializable("tfapps")
class CausalBias(AttentionBias):
    """0 where a token may be attended to, a large negative number where it comes later.

    Computed once per model and shared by all of its blocks. For the argument see
    `AttentionBias`.

    Shapes: x (..., t) -> (1, 1, t, t); or x (..., length), position (n,) int32
    -> (n, 1, 1, length). Only the last axis of x counts.
    """

    def call(self, x: KerasTensor, position: KerasTensor | None = None) -> KerasTensor:
        place = ops.arange(ops.shape(x)[-1], dtype="int32")
        query_place = place if position is None else position
        later = ops.greater(ops.expand_dims(place, 0), ops.expand_dims(query_place, 1))
        blocked = ops.cast(self.blocked, self.compute_dtype)
        bias = ops.multiply(ops.cast(later, self.compute_dtype), blocked)  # n length
        return ops.expand_dims(ops.expand_dims(bias, 0 if position is None else 1), 1)

    def compute_output_spec(
        self, x: KerasTensor, position: KerasTensor | None = None
    ) -> KerasTensor:
        length = x.shape[-1]
        shape = (1, 1, length, length)
        if position is not None:
            shape = (position.shape[0], 1, 1, length)
        return KerasTensor(shape, dtype=self.compute_dtype)
