"""A one-directional LSTM whose input is projected outside the time loop."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers.linear import Linear


@keras.saving.register_keras_serializable("tfapps")
class ForgetBias(keras.initializers.Initializer):
    """Zeros, but ones for the forget gate, so that a new cell keeps what it is told."""

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> Any:
        units = shape[0] // 4
        parts = [ops.zeros(units, dtype), ops.ones(units, dtype), ops.zeros(2 * units, dtype)]
        return ops.concatenate(parts)


@keras.saving.register_keras_serializable("tfapps")
class LSTMStep(keras.layers.Layer):
    """One step of an LSTM over an input that is already projected to the four gates.

    Shapes: gates (b, 4u) in the order input, forget, cell, output; states h (b, u), c (b, u)
    -> h, [h, c].
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, units]
        self.output_size = units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (self.units, 4 * self.units)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="orthogonal")

    def call(
        self, gates: KerasTensor, states: list[KerasTensor], training: bool = False
    ) -> tuple[KerasTensor, list[KerasTensor]]:
        h, c = states
        gates = ops.add(gates, ops.matmul(h, self.kernel))
        i, f, g, o = ops.split(gates, 4, axis=-1)
        c = ops.add(ops.multiply(ops.sigmoid(f), c), ops.multiply(ops.sigmoid(i), ops.tanh(g)))
        h = ops.multiply(ops.sigmoid(o), ops.tanh(c))
        return h, [h, c]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("tfapps")
class LSTM(keras.layers.Layer):
    """An LSTM over right-padded sequences, without masking: padding comes after all real tokens.

    Why not `keras.layers.LSTM`: it projects the input step by step, which costs a fifth more time
    on a CPU, and its input weights are out of reach of whatever works on `Linear`. Weights are
    `input/kernel` (d, 4u), `input/bias` (4u) and `recurrent/kernel` (u, 4u), gates in Keras' order.

    Args:
        units: width of the state.

    Shapes: x (b, t, d) -> (b, t, units).
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.input_projection = Linear(
            4 * units, bias_initializer=ForgetBias(), dtype=self.dtype_policy, name="input"
        )
        self.step = LSTMStep(units, dtype=self.dtype_policy, name="recurrent")
        self.loop = keras.layers.RNN(
            self.step, return_sequences=True, dtype=self.dtype_policy, name="loop"
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.input_projection.build(input_shape)
        gates = (*input_shape[:-1], 4 * self.units)
        self.step.build((input_shape[0], 4 * self.units))
        self.step.built = True
        self.loop.build(gates)

    def call(self, x: KerasTensor, training: bool = False) -> KerasTensor:
        return self.loop(self.input_projection(x), training=training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}
