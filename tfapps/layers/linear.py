"""A dense layer that always multiplies two-dimensional matrices."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments
from tfapps.layers._channels import factors, peaks
from tfapps.layers.activations import activation as activation_function
from tfapps.layers.fake_quant import (
    build,
    isolate,
    quantized,
    value_quantizer,
    weight_quantizer,
)
from tfapps.layers.quantized import Quantized


@keras.saving.register_keras_serializable("tfapps")
class Linear(Quantized, Arguments):
    """Affine map of the last axis, done as one 2-D matrix product.

    Why not `keras.layers.Dense`: on 3-D input it leaves shape arithmetic in the exported graph,
    which cuts the graph into delegate partitions and blocks int8 FULLY_CONNECTED.

    Args:
        units: width of the output.
        activation: None, "relu", "tanh", "gelu" (exact) or "gelu_tanh".
        use_bias: add a bias vector.
        kernel_initializer: a Keras initializer or its name.
        weight_bits: quantize the kernel, symmetric, to that many bits; None leaves it float.
        activation_bits: quantize input and output; None leaves them float.
        per_channel: a range for each column of the kernel, else one for all of it.
        quantize_input: False if the previous layer has quantized it.
        equalize: while they are integers, divide each channel of input and output that is much
            larger than most by a factor. Those of the input are merged into the kernel.

    Shapes: (..., d) -> (..., units).
    """

    def __init__(
        self,
        units: int,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        weight_bits: int | None = None,
        activation_bits: int | None = None,
        per_channel: bool = True,
        quantize_input: bool = True,
        equalize: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self._activate = activation_function(activation)
        self.weight_bits, self.activation_bits = weight_bits, activation_bits
        self.per_channel, self.quantize_input = per_channel, quantize_input
        self.equalize = equalize
        self.island: float | None = None  # set by the exporter, see `fake_quant.isolate`
        self.low_rank: Any = None  # a LowRank, set by a tuner before the layer is built
        axis = -1 if per_channel else None
        self.kernel_range = weight_quantizer(weight_bits, axis, name="kernel_range")
        bits = activation_bits if quantize_input else None
        self.input_range = value_quantizer(bits, name="input_range")
        self.output_range = value_quantizer(
            activation_bits, equalize=equalize and activation != "relu", name="output_range"
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer=self.kernel_initializer,
        )
        self.input_gain = None
        if self.equalize and self.input_range is not None:
            self.input_range.by_channel = True
            self.input_gain = self.add_weight(
                name="input_gain", shape=input_shape[-1:], initializer="ones", trainable=False
            )
        self.bias = None
        if self.low_rank is not None:
            self.low_rank.build(input_shape)
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        build(
            (self.kernel_range, self.kernel.shape),
            (self.input_range, input_shape),
            (self.output_range, (self.units,)),
        )

    def call(self, x: KerasTensor, training: bool = False) -> KerasTensor:
        shape = ops.shape(x)
        if len(shape) > 2:
            x = ops.reshape(x, (-1, shape[-1]))
        if self.input_gain is not None:
            gain = ops.convert_to_tensor(self.input_gain)
            x = ops.multiply(x, ops.cast(ops.divide(1.0, gain), x.dtype))
        x = quantized(self.input_range, x, training)
        low_rank_output = None if self.low_rank is None else self.low_rank(x, training=training)
        x = ops.matmul(x, quantized(self.kernel_range, self.kernel, training))
        if low_rank_output is not None:
            x = ops.add(x, low_rank_output)
        if self.bias is not None:
            x = ops.add(x, self.bias)
        # An integer product can include a ReLU; other functions are computed after it.
        if self.activation == "relu":
            x = quantized(self.output_range, self._activate(x), training)
        else:
            x = quantized(self.output_range, x, training)
            if self.activation == "tanh":  # which has an integer form
                x = isolate(x, self.island)
            if self.activation is not None:
                x = isolate(self._activate(x), self.island)
        return ops.reshape(x, (*shape[:-1], self.units)) if len(shape) > 2 else x

    def equalize_input(self) -> None:
        """Move half of the imbalance of the input's channels into the kernel.

        Uses the ranges recorded by `input_range`. All of it would unbalance the kernel (Xiao et
        al. 2023, "SmoothQuant").
        """
        if self.input_gain is None or not self.input_range.seen:
            return
        gain = np.sqrt(factors(peaks(self.input_range.seen)))
        self.input_gain.assign(self.input_gain * gain)
        self.kernel.assign(self.kernel * gain[:, None])
        self.input_range.seen = [(low / gain, high / gain) for low, high in self.input_range.seen]

    def bake(self) -> None:
        """Round the kernel permanently and switch its quantizer off."""
        if self.input_gain is not None and np.all(self.input_gain.numpy() == 1):
            self.input_gain = None
        self.round_weights()
        if self.kernel_range is not None:
            self.kernel_range.off = True

    def round_weights(self) -> None:
        """Round the kernel to its grid."""
        if self.kernel_range is not None:
            self.kernel.assign(self.kernel_range(self.kernel))

    def settle_ranges(self) -> None:
        """Update the kernel's range to the kernel."""
        if self.kernel_range is not None:
            self.kernel_range.settle(self.kernel)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)
