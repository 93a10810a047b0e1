"""Learned keys and values before those of every text."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments


@keras.saving.register_keras_serializable("tfapps")
class Prefix(Arguments):
    """Learned keys and values of additional positions without tokens.

    Source: Li and Liang 2021, "Prefix-Tuning", where they are computed from a smaller matrix in
    training, because they train poorly directly.

    Args:
        length: number of positions p.
        heads: number of attention heads h.
        size: width of a head.
        hidden: width between the prefix and the (p, heads * size) it is computed from; None keeps
            the prefix itself, `pairs` (2, p, heads * size).

    Shapes: anything of as many texts (b, ...) -> keys (b, h, size, p), values (b, h, p, size).
    """

    def __init__(
        self, length: int, heads: int, size: int, hidden: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.length, self.heads, self.size, self.hidden = length, heads, size, hidden

    def build(self, input_shape: Any = None) -> None:
        width = self.heads * self.size
        if self.hidden is None:
            normal = keras.initializers.RandomNormal(stddev=0.02)
            shape = (2, self.length, width)
            self.pairs = self.add_weight(name="pairs", shape=shape, initializer=normal)
            return
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.origin = self.add_weight(name="origin", shape=(self.length, width), initializer=normal)
        self.inner = self.add_weight(name="inner", shape=(width, self.hidden))
        self.outer = self.add_weight(name="outer", shape=(self.hidden, 2 * width))

    def call(self, x: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        split = (2, self.length, self.heads, self.size)
        keys, values = ops.unstack(ops.reshape(self.learned(), split))
        keys, values = ops.transpose(keys, (1, 2, 0)), ops.transpose(values, (1, 0, 2))
        return tuple(ops.broadcast_to(y[None], (ops.shape(x)[0], *y.shape)) for y in (keys, values))

    def learned(self) -> KerasTensor:
        """Return keys and values, (2, p, heads * size)."""
        if self.hidden is None:
            return ops.convert_to_tensor(self.pairs)
        both = ops.matmul(ops.tanh(ops.matmul(self.origin, self.inner)), self.outer)
        return ops.transpose(ops.reshape(both, (self.length, 2, -1)), (1, 0, 2))
