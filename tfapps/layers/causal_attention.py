"""Multi-head self-attention of a decoder, for all positions at once or step by step."""

from __future__ import annotations

import keras
from keras import KerasTensor, ops

from tfapps.layers.multi_head import MultiHead, Shape, columns, rows


@keras.saving.register_keras_serializable("tfapps")
class CausalAttention(MultiHead):
    """Every token reads the tokens up to itself.

    A single step receives the keys and values of earlier steps in arrays of fixed length;
    those of this step are written at its position. A mask does that, because edge graphs have no
    slices at a variable position. For the arguments see `MultiHead`.

    Shapes: x (b, t, d), bias from `CausalBias`
    -> (b, t, d), keys (b, heads, size, t), values (b, heads, t, size);
    or x (n, 1, d), bias, keys (n, heads, size, length), values (n, heads, length, size), position
    (n,) int32 -> (n, 1, d), keys, values.
    """

    def build(self, x_shape: Shape, *_: Shape, **__: Shape) -> None:
        self._build(x_shape, "qkv", 3)

    def call(
        self,
        x: KerasTensor,
        bias: KerasTensor,
        keys: KerasTensor | None = None,
        values: KerasTensor | None = None,
        position: KerasTensor | None = None,
        training: bool = False,
    ) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
        q, k, v = self._split_heads(self.qkv(x, training=training), 3)
        q, k, v = rows(q), columns(k), rows(v)
        if keys is not None:
            place = ops.arange(ops.shape(keys)[-1], dtype="int32")
            here = ops.equal(ops.expand_dims(place, 0), ops.expand_dims(position, 1))
            here = ops.expand_dims(ops.expand_dims(here, 1), 1)  # n 1 1 length
            k = ops.where(here, k, keys)
            v = ops.where(ops.transpose(here, (0, 1, 3, 2)), v, values)
        x, _ = self._attend(q, k, v, bias, training)
        return x, k, v

    def compute_output_spec(
        self,
        x: KerasTensor,
        bias: KerasTensor,
        keys: KerasTensor | None = None,
        values: KerasTensor | None = None,
        position: KerasTensor | None = None,
        training: bool = False,
    ) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
        batch, length, _ = x.shape
        length = length if keys is None else keys.shape[-1]
        shapes = (x.shape, (batch, self.heads, self.size, length))
        shapes += ((batch, self.heads, length, self.size),)
        return tuple(KerasTensor(shape, dtype=self.compute_dtype) for shape in shapes)
