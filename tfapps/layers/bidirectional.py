"""Two LSTMs, one of them reading from the end."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers.reverse import Reverse


@keras.saving.register_keras_serializable("tfapps")
class BidirectionalLSTM(keras.layers.Layer):
    """Read a sequence in both directions and put the two states of every token side by side.

    The backward LSTM runs forwards over the sequence with its real part reversed, so there is no
    masking inside the time loop: what stands in the padding changes nothing before it, a GPU takes
    its fused kernel, and so does the exporter.

    Args:
        units: width of one direction.

    Shapes: x (b, t, d), order (b * t,) from `ReverseOrder` -> (b, t, 2 * units).
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.forward = self._lstm("forward")
        self.backward = self._lstm("backward")
        self.reverse = Reverse(dtype=self.dtype_policy, name="reverse")

    def _lstm(self, name: str) -> keras.layers.LSTM:
        return keras.layers.LSTM(
            self.units, return_sequences=True, dtype=self.dtype_policy, name=name
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.forward.build(input_shape)
        self.backward.build(input_shape)

    def call(self, x: KerasTensor, order: KerasTensor, training: bool = False) -> KerasTensor:
        ahead = self.forward(x, training=training)
        back = self.backward(self.reverse(x, order), training=training)
        return ops.concatenate([ahead, self.reverse(back, order)], axis=-1)

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], order_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (*x_shape[:-1], 2 * self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}
