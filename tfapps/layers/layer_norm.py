"""Layer normalisation, with the residual sum before it."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments
from tfapps.layers.fake_quant import build, quantized, value_quantizer


@keras.saving.register_keras_serializable("tfapps")
class LayerNorm(Arguments):
    """Normalise the last axis of `x`, or of `x + residual`.

    The sum is part of the layer so that every node of a model has a stable name. Statistics are
    float32 whatever the compute dtype: a float16 variance overflows.

    Args:
        epsilon: added to the variance.
        activation_bits: quantize the output; None leaves it float. The inputs are outputs of
            a quantized layer and of another normalisation, so they are quantized already.

    Shapes: x (..., d), residual (..., d) -> (..., d).
    """

    def __init__(
        self, epsilon: float = 1e-12, activation_bits: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.activation_bits = activation_bits
        self.output_range = value_quantizer(activation_bits, name="output_range")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = (input_shape[-1],)
        self.gamma = self.add_weight(name="gamma", shape=width, initializer="ones", autocast=False)
        self.beta = self.add_weight(name="beta", shape=width, initializer="zeros", autocast=False)
        build((self.output_range, input_shape))

    def call(
        self, x: KerasTensor, residual: KerasTensor | None = None, training: bool = False
    ) -> KerasTensor:
        if residual is not None:
            x = ops.add(x, residual)
        x = ops.cast(x, "float32")
        centred = ops.subtract(x, ops.mean(x, axis=-1, keepdims=True))
        variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
        scale = ops.rsqrt(ops.add(variance, self.epsilon))
        # Gamma before scale: as the last factor, the TFLite converter would fold it into the
        # weights of the next matrix product and take them off the grid they were trained on.
        x = ops.add(ops.multiply(ops.multiply(centred, self.gamma), scale), self.beta)
        return ops.cast(quantized(self.output_range, x, training), self.compute_dtype)

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], residual_shape: tuple[int | None, ...] | None = None
    ) -> tuple[int | None, ...]:
        return x_shape
