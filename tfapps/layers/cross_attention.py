"""Multi-head attention of a decoder over the states of an encoder."""

from __future__ import annotations

import keras
from keras import KerasTensor, ops

from tfapps.layers.multi_head import MultiHead, Shape, rows


@keras.saving.register_keras_serializable("tfapps")
class CrossAttention(MultiHead):
    """Every token of the target reads every token of the source that is not padding.

    Keys and values are computed once for all steps, by `MemoryHeads`. For the arguments see
    `MultiHead`.

    Shapes: x (b, t, d), keys (b, heads, size, s), values (b, heads, s, size), bias (b, 1, 1, s)
    -> (b, t, d), weights (b, t, s), the mean over the heads.
    """

    def build(self, x_shape: Shape, *_: Shape, **__: Shape) -> None:
        self._build(x_shape, "query", 1)

    def call(
        self,
        x: KerasTensor,
        keys: KerasTensor,
        values: KerasTensor,
        bias: KerasTensor,
        training: bool = False,
    ) -> tuple[KerasTensor, KerasTensor]:
        (q,) = self._split_heads(self.query(x, training=training), 1)
        x, weights = self._attend(rows(q), keys, values, bias, training)
        return x, ops.mean(weights, axis=1)

    def compute_output_shape(
        self, x_shape: Shape, keys_shape: Shape, values_shape: Shape, bias_shape: Shape
    ) -> tuple[Shape, Shape]:
        return x_shape, (*x_shape[:-1], keys_shape[-1])
