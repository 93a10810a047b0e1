"""Dropout whose rate is also exact in half precision."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments


@keras.saving.register_keras_serializable("tfapps")
class Dropout(Arguments):
    """Zero a fraction `rate` of the values while training and scale the rest to keep the mean.

    Why not `keras.layers.Dropout`: in bfloat16 it draws bfloat16 numbers, which are so coarse
    that a rate of 0.05 drops 0.0546.

    Args:
        rate: fraction of values to drop, 0 <= rate < 1.
        seed: of the random numbers; None draws it from Keras' global seed.
        over_time: drop the same values at all positions of axis 1 (Gal and Ghahramani 2016,
            "A Theoretically Grounded Application of
            Dropout in Recurrent Neural Networks").

    Shapes: any -> the same.

    Raises:
        ValueError: for a rate outside [0, 1).
    """

    def __init__(
        self, rate: float, seed: int | None = None, over_time: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"dropout rate: got {rate}, expected 0 <= rate < 1")
        self.rate = rate
        self.seed = seed
        self.over_time = over_time
        self.seed_generator = keras.random.SeedGenerator(seed) if rate else None

    def call(self, x: KerasTensor, training: bool = False) -> KerasTensor:
        if not training or self.rate == 0:
            return x
        shape = list(ops.shape(x))
        if self.over_time:
            shape[1] = 1
        draw = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        factor = ops.cast(ops.greater_equal(draw, self.rate), x.dtype)
        return ops.multiply(x, ops.multiply(factor, 1 / (1 - self.rate)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape
