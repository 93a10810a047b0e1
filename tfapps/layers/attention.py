"""Multi-head self-attention with one fused projection."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers.dropout import Dropout
from tfapps.layers.linear import Linear


@keras.saving.register_keras_serializable("tfapps")
class SelfAttention(keras.layers.Layer):
    """Every token reads every token that is not padding.

    Query, key and value come from one matrix product (`qkv`, columns in that order); there is no
    einsum, so that a graph of static shape exports without shape arithmetic.

    Args:
        heads: number of attention heads.
        head_size: width of a head; by default the width of the input divided by `heads`.
        dropout: rate on the attention weights.
        kernel_initializer: for both projections.
        seed: of the dropout.

    Shapes: x (b, t, d), attention_bias (b, 1, 1, t) -> (b, t, d).

    Raises:
        ValueError: if the width of the input is no multiple of `heads` and no `head_size` is given.
    """

    def __init__(
        self,
        heads: int,
        head_size: int | None = None,
        dropout: float = 0.0,
        kernel_initializer: Any = "glorot_uniform",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.head_size = head_size
        self.rate = dropout
        self.seed = seed
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.dropout = Dropout(dropout, seed=seed, dtype=self.dtype_policy, name="dropout")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = input_shape[-1]
        if self.head_size is None and width % self.heads:
            raise ValueError(f"width {width} is no multiple of {self.heads} heads: give head_size")
        self.size = self.head_size or width // self.heads
        inner = self.heads * self.size
        self.qkv = self._linear(3 * inner, "qkv")
        self.qkv.build(input_shape)
        self.output_projection = self._linear(width, "output")
        self.output_projection.build((*input_shape[:-1], inner))

    def _linear(self, units: int, name: str) -> Linear:
        initializer = self.kernel_initializer.clone()
        return Linear(units, kernel_initializer=initializer, dtype=self.dtype_policy, name=name)

    def call(
        self, x: KerasTensor, attention_bias: KerasTensor, training: bool = False
    ) -> KerasTensor:
        batch, length, _ = ops.shape(x)
        split = (batch, length, self.heads, self.size)
        q, k, v = (ops.reshape(part, split) for part in ops.split(self.qkv(x), 3, axis=-1))
        q = ops.transpose(ops.multiply(q, self.size**-0.5), (0, 2, 1, 3))  # b h t s
        k = ops.transpose(k, (0, 2, 3, 1))  # b h s t
        v = ops.transpose(v, (0, 2, 1, 3))  # b h t s
        scores = ops.add(ops.matmul(q, k), attention_bias)  # b h t t
        # A softmax in half precision loses the small weights of long rows.
        weights = ops.softmax(ops.cast(scores, "float32"), axis=-1)
        weights = self.dropout(ops.cast(weights, self.compute_dtype), training=training)
        x = ops.transpose(ops.matmul(weights, v), (0, 2, 1, 3))  # b t h s
        return self.output_projection(ops.reshape(x, (batch, length, self.heads * self.size)))

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], attention_bias_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return x_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "head_size": self.head_size,
            "dropout": self.rate,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "seed": self.seed,
        }
