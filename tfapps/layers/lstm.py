"""An LSTM that can be trained for an integer file."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers.fake_quant import FakeQuant, build, quantized, value_quantizer

GATES = 4


class _Cell(keras.layers.LSTMCell):
    """The Keras cell on the kernels that its layer hands it for a call, and states on a grid."""

    kernels: tuple[Any, Any] | None = None
    state_range: FakeQuant | None = None

    def call(
        self, inputs: KerasTensor, states: Any, training: bool = False
    ) -> tuple[KerasTensor, list[KerasTensor]]:
        if self.kernels is None:
            return super().call(inputs, states, training=training)
        h, c = states
        z = ops.add(ops.matmul(inputs, self.kernels[0]), ops.matmul(h, self.kernels[1]))
        i, f, g, o = ops.split(ops.add(z, self.bias), GATES, axis=-1)
        c = ops.add(ops.multiply(ops.sigmoid(f), c), ops.multiply(ops.sigmoid(i), ops.tanh(g)))
        h = ops.multiply(ops.sigmoid(o), ops.tanh(c))
        h = quantized(self.state_range, h, training)
        return h, [h, c]


@keras.saving.register_keras_serializable("tfapps")
class LSTM(keras.layers.LSTM):
    """`keras.layers.LSTM` with integer kernels, input and state where bits are given.

    The integer LSTM of LiteRT has a range for each gate's part of a kernel, one for the input and
    one for the state; its cell has 16 bits, which are as good as float.

    Args:
        units: width of the state.
        weight_bits: for both kernels; None leaves the layer float, and as fast as Keras' own.
        activation_bits: for input and state; None leaves them float.

    Shapes: x (b, t, d) -> (b, t, units), or (b, units) without `return_sequences`.
    """

    def __init__(
        self,
        units: int,
        weight_bits: int | None = None,
        activation_bits: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, **kwargs)
        self.weight_bits, self.activation_bits = weight_bits, activation_bits
        self.kernel_range = self._kernel_quantizer("kernel_range")
        self.recurrent_range = self._kernel_quantizer("recurrent_range")
        self.input_range = value_quantizer(activation_bits, name="input_range")
        if weight_bits is not None:
            self.cell = _Cell(units, dtype=self.dtype_policy, name="lstm_cell")
            # tanh times sigmoid: the state never leaves (-1, 1).
            self.cell.state_range = value_quantizer(
                activation_bits, "fixed", start=(-1.0, 127 / 128), name="state_range"
            )
            self.use_cudnn = False

    def _kernel_quantizer(self, name: str) -> FakeQuant | None:
        if self.weight_bits is None:
            return None
        return FakeQuant(self.weight_bits, "last", 1, symmetric=True, narrow=True, name=name)

    def build(self, sequences_shape: tuple[int | None, ...], *_: Any) -> None:
        super().build(sequences_shape)
        gates = (None, GATES, self.units)
        build(
            (self.kernel_range, gates),
            (self.recurrent_range, gates),
            (self.input_range, sequences_shape),
        )
        if self.weight_bits is not None:
            build((self.cell.state_range, (self.units,)))

    def call(
        self,
        sequences: KerasTensor,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
    ) -> Any:
        if self.weight_bits is None:
            return super().call(sequences, initial_state, mask, training)
        sequences = quantized(self.input_range, sequences, training)
        self.cell.kernels = (
            self._by_gate(self.kernel_range, self.cell.kernel, training),
            self._by_gate(self.recurrent_range, self.cell.recurrent_kernel, training),
        )
        try:
            return super().call(sequences, initial_state, mask, training)
        finally:
            self.cell.kernels = None

    def bake(self) -> None:
        """Round both kernels for good; their quantizers have nothing to do any more."""
        self.round_weights()
        if self.kernel_range is not None:
            self.kernel_range.off = self.recurrent_range.off = True

    def round_weights(self) -> None:
        """Move both kernels to their grids."""
        if self.kernel_range is not None:
            pairs = ((self.kernel_range, self.cell.kernel),)
            pairs += ((self.recurrent_range, self.cell.recurrent_kernel),)
            for quantizer, kernel in pairs:
                kernel.assign(self._by_gate(quantizer, kernel, training=False))

    def settle_ranges(self) -> None:
        """Bring the ranges of both kernels up to the kernels."""
        if self.kernel_range is not None:
            self.kernel_range.settle(_split(self.cell.kernel))
            self.recurrent_range.settle(_split(self.cell.recurrent_kernel))

    def _by_gate(self, quantizer: FakeQuant, kernel: Any, training: bool) -> KerasTensor:
        return ops.reshape(quantizer(_split(kernel), training=training), kernel.shape)

    def get_config(self) -> dict[str, Any]:
        ours = {"weight_bits": self.weight_bits, "activation_bits": self.activation_bits}
        return {**super().get_config(), **ours}


def _split(kernel: Any) -> KerasTensor:
    """(d, 4 u) -> (d, 4, u), gate by gate."""
    rows, columns = kernel.shape
    return ops.reshape(ops.convert_to_tensor(kernel), (rows, GATES, columns // GATES))
