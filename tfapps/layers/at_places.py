"""The states of some places of a sequence."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops


@keras.saving.register_keras_serializable("tfapps")
class AtPlaces(keras.layers.Layer):
    """Picks states by the numbers of their places, as a product with zeros and ones.

    Why not a gather: a product is what delegates know and quantizers leave exact.

    Shapes: x (b, t, d), places (b, m) int -> (b, m, d).
    """

    def call(self, x: KerasTensor, places: KerasTensor) -> KerasTensor:
        numbers = ops.reshape(ops.arange(ops.shape(x)[1], dtype="int32"), (1, 1, -1))
        chosen = ops.equal(ops.expand_dims(ops.cast(places, "int32"), -1), numbers)
        return ops.matmul(ops.cast(chosen, x.dtype), x)

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], places_shape: tuple[int | None, ...]
    ) -> tuple[Any, ...]:
        return (*places_shape, x_shape[-1])
