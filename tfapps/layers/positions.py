"""Position vectors of tokens."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments

Shape = tuple[int | None, ...]
KINDS = ("sinusoidal", "learned")


@keras.saving.register_keras_serializable("tfapps")
class Positions(Arguments):
    """Vectors of tokens times the root of their width, plus a vector for each position
    (Vaswani et al. 2017, "Attention Is All You Need").

    Args:
        length: number of positions.
        kind: "sinusoidal", sines and cosines of fixed frequencies, or "learned".

    Shapes: x (b, t, d) -> (b, t, d); with position (b,) int32, the place of the first token of x
    where there is but one: x (b, 1, d) -> (b, 1, d).

    Raises:
        ValueError: for an unknown kind.
    """

    def __init__(self, length: int, kind: str = "sinusoidal", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if kind not in KINDS:
            raise ValueError(f"positions: got {kind!r}, expected one of {', '.join(KINDS)}")
        self.length, self.kind = length, kind

    def build(self, x_shape: Shape, position_shape: Shape | None = None) -> None:
        width = x_shape[-1]
        if self.kind == "sinusoidal":
            self.table = sinusoids(self.length, width)
        else:
            self.table = self.add_weight(
                name="table",
                shape=(self.length, width),
                initializer=keras.initializers.RandomNormal(stddev=width**-0.5),
            )

    def call(self, x: KerasTensor, position: KerasTensor | None = None) -> KerasTensor:
        _, length, width = ops.shape(x)
        table = ops.cast(ops.convert_to_tensor(self.table), x.dtype)
        if position is None:
            place = ops.slice(table, (0, 0), (length, width))
        else:
            place = ops.expand_dims(ops.take(table, position, axis=0), 1)
        return ops.add(ops.multiply(x, width**0.5), place)

    def compute_output_shape(self, x_shape: Shape, position_shape: Shape | None = None) -> Shape:
        return x_shape


def sinusoids(length: int, width: int) -> np.ndarray:
    """Return sines in the even columns and cosines in the odd ones, (length, width)."""
    column = np.arange(width) // 2 * 2
    angle = np.arange(length)[:, None] / 10000.0 ** (column / width)
    return np.where(np.arange(width) % 2, np.cos(angle), np.sin(angle)).astype("float32")
