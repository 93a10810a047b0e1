"""Two LSTMs, one of them reading from the end."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments
from tfapps.layers.fake_quant import isolate
from tfapps.layers.lstm import LSTM
from tfapps.layers.reverse import Reverse


@keras.saving.register_keras_serializable("tfapps")
class BidirectionalLSTM(Arguments):
    """Read a sequence in both directions and put the two states of every token side by side.

    The backward LSTM runs forwards over the sequence with its real part reversed, so there is no
    masking inside the time loop: padding does not affect earlier states, a GPU can use
    its fused kernel, and so can the exporter.

    Args:
        units: width of one direction.
        weight_bits: for the kernels of both, see `LSTM`; None leaves them float.
        activation_bits: for input and states; None leaves them float.
        quantize_products: also quantize the outputs of products, see `LSTM`.
        per_channel: see `LSTM`.

    Shapes: x (b, t, d), order (b * t,) from `ReverseOrder` -> (b, t, 2 * units).
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
        super().__init__(**kwargs)
        self.units = units
        self.weight_bits, self.activation_bits = weight_bits, activation_bits
        self.quantize_products, self.per_channel = quantize_products, per_channel
        self.island: float | None = None  # see `fake_quant.isolate`
        self.forward = self._lstm("forward")
        self.backward = self._lstm("backward")
        self.reverse = Reverse(dtype=self.dtype_policy, name="reverse")

    def _lstm(self, name: str) -> LSTM:
        return LSTM(
            self.units,
            self.weight_bits,
            self.activation_bits,
            self.quantize_products,
            self.per_channel,
            return_sequences=True,
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.forward.build(input_shape)
        self.backward.build(input_shape)

    def call(self, x: KerasTensor, order: KerasTensor, training: bool = False) -> KerasTensor:
        ahead = self.forward(x, training=training)
        back = self.backward(self.reverse(x, order), training=training)
        x = ops.concatenate([ahead, self.reverse(back, order)], axis=-1)
        return isolate(x, self.island)

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], order_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (*x_shape[:-1], 2 * self.units)
