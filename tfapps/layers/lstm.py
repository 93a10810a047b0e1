"""An LSTM with one input product for all steps, and quantization-aware training."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments
from tfapps.layers.fake_quant import FakeQuant, build, isolate, quantized, value_quantizer
from tfapps.layers.quantized import Quantized

GATES = 4
States = list[KerasTensor]


class _Cell(keras.layers.LSTMCell):
    """The Keras cell; it reads the layer's precomputed input product if it has a kernel.

    Attributes:
        recurrent: kernel of the state, during a call of the layer.
        state_range: quantizer of the state.
        product_range: quantizer of the product of state and kernel.
    """

    recurrent: KerasTensor | None = None
    state_range: FakeQuant | None = None
    product_range: FakeQuant | None = None
    island: float | None = None  # see `fake_quant.isolate`

    def call(
        self, inputs: KerasTensor, states: Any, training: bool = False
    ) -> tuple[KerasTensor, States]:
        if self.recurrent is None:
            return super().call(inputs, states, training=training)
        h, c = states
        if self.island is not None:
            # It is quantized already, but the converter only sees the loop's body.
            h = quantized(self.state_range, h)
        product = quantized(self.product_range, ops.matmul(h, self.recurrent), training)
        i, f, g, o = ops.split(ops.add(inputs, product), GATES, axis=-1)
        i, f, o = (self.recurrent_activation(gate) for gate in (i, f, o))
        c = ops.add(ops.multiply(f, c), ops.multiply(i, self.activation(g)))
        h = isolate(ops.multiply(o, self.activation(c)), self.island)
        h = quantized(self.state_range, h, training)
        return isolate(h, self.island), [h, c]


@keras.saving.register_keras_serializable("tfapps")
class LSTM(Quantized, Arguments, keras.layers.LSTM):
    """`keras.layers.LSTM`, with quantized kernels, input and state where bits are given.

    A GPU uses its fused kernel as usual. Elsewhere the input of all positions is multiplied by its
    kernel in one product before the loop, which Keras does step by step; and for a sequence of
    static length 1 there is no loop at all.

    The integer LSTM of LiteRT has a range for each gate's part of a kernel, one for the input and
    one for the state; its cell has 16 bits, which are as good as float. Exported as two products, a
    kernel has a range for each column.

    Args:
        units: width of the state.
        weight_bits: for both kernels; None leaves the layer float.
        activation_bits: for input and state; None leaves them float.
        quantize_products: with activation_bits, also quantize the outputs of both products:
            the layer is exported as two of them for each step, not as an integer LSTM.
        per_channel: with quantize_products, a range for each column of a kernel, else by gate.

    Shapes: x (b, t, d), initial_state two of (b, units) -> (b, t, units), or (b, units) without
    `return_sequences`.
    """

    def __init__(
        self,
        units: int,
        weight_bits: int | None = None,
        activation_bits: int | None = None,
        quantize_products: bool = False,
        per_channel: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, **kwargs)
        self.set_bits(weight_bits, activation_bits, quantize_products, per_channel)

    def set_bits(
        self,
        weight_bits: int | None,
        activation_bits: int | None,
        quantize_products: bool = False,
        per_channel: bool = True,
    ) -> None:
        """Make the quantizers; the arguments are those of the layer."""
        self.weight_bits, self.activation_bits = weight_bits, activation_bits
        self.quantize_products, self.per_channel = quantize_products, per_channel
        self.kernel_range = self._kernel_quantizer("kernel_range")
        self.recurrent_range = self._kernel_quantizer("recurrent_range")
        self.input_range = value_quantizer(activation_bits, name="input_range")
        inside = activation_bits if quantize_products else None
        self.product_range = value_quantizer(inside, name="product_range")
        # Not a new cell: it would draw other initial values, and so would all later layers.
        self.cell.__class__ = _Cell
        self.cell.product_range = value_quantizer(inside, name="recurrent_product_range")
        if weight_bits is not None:
            # tanh times sigmoid: the state never leaves (-1, 1).
            self.cell.state_range = value_quantizer(
                activation_bits, "fixed", start=(-1.0, 127 / 128), name="state_range"
            )
            self.use_cudnn = False

    def _kernel_quantizer(self, name: str) -> FakeQuant | None:
        if self.weight_bits is None:
            return None
        axis = -1 if self._by_column else 1
        return FakeQuant(self.weight_bits, "last", axis, symmetric=True, narrow=True, name=name)

    @property
    def _by_column(self) -> bool:
        return self.quantize_products and self.per_channel

    def build(
        self, sequences_shape: tuple[int | None, ...], initial_state_shape: Any = None
    ) -> None:
        super().build(sequences_shape, initial_state_shape)
        self.build_quantizers(sequences_shape)

    def build_quantizers(self, sequences_shape: tuple[int | None, ...]) -> None:
        """Make the weights of the quantizers."""
        product = (GATES * self.units,)
        gates = (None, *product) if self._by_column else (None, GATES, self.units)
        build(
            (self.kernel_range, gates),
            (self.recurrent_range, gates),
            (self.input_range, sequences_shape),
            (self.product_range, product),
            (self.cell.product_range, product),
            (self.cell.state_range, (self.units,)),
        )

    def inner_loop(
        self, sequences: KerasTensor, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[KerasTensor, KerasTensor, States]:
        if self.dropout or self.recurrent_dropout or self._runs_fused(sequences):
            return super().inner_loop(sequences, initial_state, mask, training)
        products = self.products(sequences, training)
        states = self.begin(initial_state, training)
        try:
            if sequences.shape[1] == 1 and mask is None:
                h, states = self.step(ops.squeeze(products, 1), states, training)
                return h, ops.expand_dims(h, 1), states
            return keras.layers.RNN.inner_loop(self, products, states, mask, training)
        finally:
            self.end()

    def _runs_fused(self, sequences: KerasTensor) -> bool:
        on_gpu = self.use_cudnn is not False and keras.distribution.list_devices("gpu")
        return bool(on_gpu) and sequences.shape[1] != 1

    def products(self, x: KerasTensor, training: bool = False) -> KerasTensor:
        """Return the input's contribution to the gates: (..., d) -> (..., 4 * units)."""
        shape = ops.shape(x)
        x = ops.reshape(quantized(self.input_range, x, training), (-1, shape[-1]))
        x = ops.matmul(x, self._rounded(self.kernel_range, self.cell.kernel, training))
        if self.cell.use_bias:
            x = ops.add(x, self.cell.bias)
        x = quantized(self.product_range, x, training)
        return ops.reshape(x, (*shape[:-1], GATES * self.units))

    def begin(self, states: States, training: bool = False) -> States:
        """Prepare for `step`: quantize kernel and initial states once."""
        recurrent = self.cell.recurrent_kernel
        self.cell.recurrent = self._rounded(self.recurrent_range, recurrent, training)
        h, c = states
        return [quantized(self.cell.state_range, h, training), c]

    def step(
        self, products: KerasTensor, states: States, training: bool = False
    ) -> tuple[KerasTensor, States]:
        """Run one step between `begin` and `end`: products (b, 4 * units), states -> (b, units)."""
        return self.cell(products, states, training=training)

    def end(self) -> None:
        """Release what `begin` prepared."""
        self.cell.recurrent = None

    def bake(self) -> None:
        """Round both kernels permanently and switch their quantizers off."""
        self.round_weights()
        if self.kernel_range is not None:
            self.kernel_range.off = self.recurrent_range.off = True

    def round_weights(self) -> None:
        """Round both kernels to their grids."""
        if self.kernel_range is not None:
            pairs = ((self.kernel_range, self.cell.kernel),)
            pairs += ((self.recurrent_range, self.cell.recurrent_kernel),)
            for quantizer, kernel in pairs:
                kernel.assign(self._rounded(quantizer, kernel, training=False))

    def settle_ranges(self) -> None:
        """Update the ranges of both kernels to the kernels."""
        if self.kernel_range is not None:
            self.kernel_range.settle(self._channels(self.cell.kernel))
            self.recurrent_range.settle(self._channels(self.cell.recurrent_kernel))

    def _rounded(self, quantizer: FakeQuant | None, kernel: Any, training: bool) -> KerasTensor:
        if quantizer is None:
            return ops.convert_to_tensor(kernel)
        return ops.reshape(quantizer(self._channels(kernel), training=training), kernel.shape)

    def _channels(self, kernel: Any) -> KerasTensor:
        """Return (d, 4 u), reshaped to (d, 4, u) if each gate has a range."""
        kernel = ops.convert_to_tensor(kernel)
        return kernel if self._by_column else ops.reshape(kernel, (-1, GATES, self.units))
