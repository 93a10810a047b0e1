"""Concatenates neighbours, which turns a matrix product into a convolution."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments


@keras.saving.register_keras_serializable("tfapps")
class Unfold(Arguments):
    """Each position concatenated with its neighbours, zeros beyond the ends.

    Why not `keras.layers.Conv1D`: followed by a `Linear` it is the same convolution, in the form
    that quantizers, pruning and the delegate of LiteRT support.

    Args:
        width: number of positions to concatenate; odd.

    Shapes: (..., l, d) -> (..., l, width * d).

    Raises:
        ValueError: an even width has no middle.
    """

    def __init__(self, width: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if width % 2 == 0:
            raise ValueError(f"width: got {width}, expected an odd number")
        self.width = width

    def call(self, x: KerasTensor) -> KerasTensor:
        side = self.width // 2
        padded = ops.pad(x, [*[(0, 0)] * (len(x.shape) - 2), (side, side), (0, 0)])
        # Counted from the end: the length may not be known.
        ends = [start - 2 * side or None for start in range(self.width)]
        parts = [padded[..., start:end, :] for start, end in enumerate(ends)]
        return ops.concatenate(parts, axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.width * input_shape[-1])
