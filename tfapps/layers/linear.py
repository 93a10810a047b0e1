"""A dense layer that always multiplies two-dimensional matrices."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers.activations import activation as activation_function


@keras.saving.register_keras_serializable("tfapps")
class Linear(keras.layers.Layer):
    """Affine map of the last axis, done as one 2-D matrix product.

    Why not `keras.layers.Dense`: on 3-D input it leaves shape arithmetic in the exported graph,
    which cuts the graph into delegate partitions and blocks int8 FULLY_CONNECTED.

    Args:
        units: width of the output.
        activation: None, "relu", "tanh", "gelu" (exact) or "gelu_tanh".
        use_bias: add a bias vector.
        kernel_initializer: a Keras initializer or its name.

    Shapes: (..., d) -> (..., units).
    """

    def __init__(
        self,
        units: int,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self._activate = activation_function(activation)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer=self.kernel_initializer,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def call(self, x: KerasTensor) -> KerasTensor:
        shape = ops.shape(x)
        if len(shape) > 2:
            x = ops.reshape(x, (-1, shape[-1]))
        x = ops.matmul(x, self.kernel)
        if self.bias is not None:
            x = ops.add(x, self.bias)
        x = self._activate(x)
        return ops.reshape(x, (*shape[:-1], self.units)) if len(shape) > 2 else x

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": self.activation,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
