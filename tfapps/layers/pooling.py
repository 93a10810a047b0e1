"""Pools a sequence to one vector."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments
from tfapps.layers.attention_bias import BLOCKED

KINDS = ("mean", "max", "cls", "attention")


@keras.saving.register_keras_serializable("tfapps")
class Pooling(Arguments):
    """Reduce the states of the real tokens to one vector.

    Args:
        kind: "mean" or "max" over the real tokens, "cls" (the first token), or "attention", a
            mean weighted by a learned score of every token.
        blocked: what a padding token adds to its score or values, see `AttentionBias`.

    Shapes: x (b, t, d), padding_mask (b, t), 1 = real token -> (b, d). A row without a real token
    gives zeros for "mean".

    Raises:
        ValueError: for an unknown kind.
    """

    def __init__(self, kind: str = "mean", blocked: float = BLOCKED, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if kind not in KINDS:
            raise ValueError(f"pooling: got {kind!r}, expected one of {', '.join(KINDS)}")
        self.kind = kind
        self.blocked = blocked

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if self.kind == "attention":
            self.query = self.add_weight(
                name="query", shape=(input_shape[-1], 1), initializer="glorot_uniform"
            )

    def call(self, x: KerasTensor, padding_mask: KerasTensor) -> KerasTensor:
        if self.kind == "cls":
            batch, _, width = ops.shape(x)
            return ops.reshape(ops.slice(x, (0, 0, 0), (batch, 1, width)), (batch, width))
        mask = ops.expand_dims(ops.cast(padding_mask, self.compute_dtype), -1)  # b t 1
        if self.kind == "mean":
            total = ops.sum(ops.multiply(x, mask), axis=1)
            return ops.divide(total, ops.maximum(ops.sum(mask, axis=1), 1.0))
        if self.kind == "max":
            # A difference, because Keras treats a sum as a bias if shapes are static.
            return ops.max(ops.subtract(x, self._blocked(mask)), axis=1)
        return self._attention(x, self._blocked(padding_mask))

    def _blocked(self, mask: KerasTensor) -> KerasTensor:
        """Return what to subtract from a score: 0 for a real token, a large number for padding."""
        padding = ops.subtract(1.0, ops.cast(mask, self.compute_dtype))
        return ops.multiply(padding, ops.cast(-self.blocked, self.compute_dtype))

    def _attention(self, x: KerasTensor, blocked: KerasTensor) -> KerasTensor:
        batch, length, width = ops.shape(x)
        scores = ops.matmul(ops.reshape(ops.tanh(x), (-1, width)), self.query)
        scores = ops.subtract(ops.reshape(scores, (batch, length)), blocked)
        weights = ops.softmax(ops.cast(scores, "float32"), axis=-1)
        weights = ops.expand_dims(ops.cast(weights, self.compute_dtype), -1)
        return ops.sum(ops.multiply(x, weights), axis=1)

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], padding_mask_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (x_shape[0], x_shape[-1])
