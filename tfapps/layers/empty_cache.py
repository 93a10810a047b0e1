"""The empty cache of a decoder before its first step."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments


@keras.saving.register_keras_serializable("tfapps")
class EmptyCache(Arguments):
    """Position 0, and keys and values of zero for each `CausalAttention` of a decoder.

    Args:
        depth: attention layers.
        heads: of each.
        head_size: width of a head.
        length: maximum number of steps.

    Shapes: x (b, ...) -> position (b,) int32, then keys (b, heads, head_size, length) and values
    (b, heads, length, head_size) of the first layer, of the second, ... Only the first axis of x
    counts.
    """

    def __init__(self, depth: int, heads: int, head_size: int, length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.depth, self.heads, self.head_size, self.length = depth, heads, head_size, length

    def _shapes(self, batch: Any) -> list[Any]:
        keys = (batch, self.heads, self.head_size, self.length)
        return [keys, (batch, self.heads, self.length, self.head_size)] * self.depth

    def call(self, x: KerasTensor) -> list[KerasTensor]:
        batch = ops.shape(x)[0]
        empty = [ops.zeros(shape, dtype=self.compute_dtype) for shape in self._shapes(batch)]
        return [ops.zeros((batch,), dtype="int32"), *empty]

    def compute_output_spec(self, x: KerasTensor) -> list[KerasTensor]:
        batch = x.shape[0]
        empty = [KerasTensor(shape, dtype=self.compute_dtype) for shape in self._shapes(batch)]
        return [KerasTensor((batch,), dtype="int32"), *empty]
