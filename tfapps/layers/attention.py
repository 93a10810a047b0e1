"""Multi-head self-attention with one fused projection."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers.multi_head import MultiHead, Shape, columns, rows
from tfapps.layers.prefix import Prefix


@keras.saving.register_keras_serializable("tfapps")
class SelfAttention(MultiHead):
    """Every token reads every token that is not padding.

    Query, key and value come from one matrix product (`qkv`, columns in that order).

    Args:
        heads: number of attention heads.
        prefix_length: number of learned keys and values that every token also reads, see `Prefix`.
        prefix_hidden: hidden width of the network that computes the prefix; None trains it
            directly.
        kwargs: the others of `MultiHead`.

    Shapes: x (b, t, d), attention_bias (b, 1, 1, t) -> (b, t, d).
    """

    def __init__(
        self, heads: int, prefix_length: int = 0, prefix_hidden: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(heads, **kwargs)
        self.prefix_length, self.prefix_hidden = prefix_length, prefix_hidden
        self.prefix: Prefix | None = None

    def build(self, input_shape: Shape) -> None:
        self._build(input_shape, "qkv", 3)
        if self.prefix_length:
            self.prefix = Prefix(
                self.prefix_length,
                self.heads,
                self.size,
                self.prefix_hidden,
                dtype=self.dtype_policy,
                name="prefix",
            )
            self.prefix.build()

    def call(
        self, x: KerasTensor, attention_bias: KerasTensor, training: bool = False
    ) -> KerasTensor:
        q, k, v = self._split_heads(self.qkv(x, training=training), 3)
        q, k, v = rows(q), columns(k), rows(v)
        if self.prefix is not None:
            keys, values = self.prefix(x)
            k, v = ops.concatenate([keys, k], axis=3), ops.concatenate([values, v], axis=2)
            free = ((0, 0), (0, 0), (0, 0), (self.prefix_length, 0))
            attention_bias = ops.pad(attention_bias, free)
        return self._attend(q, k, v, attention_bias, training)[0]

    def weights_of(self, x: KerasTensor, attention_bias: KerasTensor) -> KerasTensor:
        """Return the attention weights: (b, t, d), (b, 1, 1, t) -> (b, h, t, t).

        They are recomputed without dropout and without a prefix.
        """
        q, k, _ = self._split_heads(self.qkv(x), 3)
        scores = ops.matmul(ops.multiply(rows(q), self.size**-0.5), columns(k))
        return ops.softmax(ops.cast(ops.add(scores, attention_bias), "float32"), axis=-1)

    def compute_output_shape(self, x_shape: Shape, attention_bias_shape: Shape) -> Shape:
        return x_shape
