"""The states at given positions of a sequence."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops


@keras.saving.register_keras_serializable("tfapps")
class AtPlaces(keras.layers.Layer):
    """Selects states by position, as a product with zeros and ones.

    Why not a gather: delegates support products, and quantizers leave this one exact.

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
