"""Multi-head self-attention with one fused projection."""

from __future__ import annotations

import keras
from keras import KerasTensor

from tfapps.layers.multi_head import MultiHead, Shape, columns, rows


@keras.saving.register_keras_serializable("tfapps")
class SelfAttention(MultiHead):
    """Every token reads every token that is not padding.

    Query, key and value come from one matrix product (`qkv`, columns in that order). For the
    arguments see `MultiHead`.

    Shapes: x (b, t, d), attention_bias (b, 1, 1, t) -> (b, t, d).
    """

    def build(self, input_shape: Shape) -> None:
        self._build(input_shape, "qkv", 3)

    def call(
        self, x: KerasTensor, attention_bias: KerasTensor, training: bool = False
    ) -> KerasTensor:
        q, k, v = self._apart(self.qkv(x, training=training), 3)
        return self._attend(rows(q), columns(k), rows(v), attention_bias, training)[0]

    def compute_output_shape(self, x_shape: Shape, attention_bias_shape: Shape) -> Shape:
        return x_shape
