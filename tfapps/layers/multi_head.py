"""The base class of multi-head attention layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments
from tfapps.layers.dropout import Dropout
from tfapps.layers.fake_quant import build, isolate, quantized, value_quantizer
from tfapps.layers.linear import Linear

Shape = tuple[int | None, ...]


class MultiHead(Arguments):
    """Scaled dot-product attention of several heads, and its projections.

    There is no einsum, so that a graph of static shape exports without shape arithmetic.

    Args:
        heads: number of attention heads.
        head_size: width of a head; by default the width of the input divided by `heads`.
        dropout: rate on the attention weights.
        kernel_initializer: for all projections.
        seed: of the dropout.
        weight_bits: quantize the kernels of the projections; None leaves them float.
        activation_bits: quantize the inputs and outputs of the projections.
        quantize_scores: with activation_bits, also quantize the scores and the weights, for an
            integer product of queries with keys and of weights with values.
        per_channel: a range for each column of a kernel, else one for all of it.
        quantize_input: False if the previous layer has quantized it.
        equalize: for all projections, see `Linear`.

    Raises:
        ValueError: if the width of the input is not a multiple of `heads`, without `head_size`.
    """

    def __init__(
        self,
        heads: int,
        head_size: int | None = None,
        dropout: float = 0.0,
        kernel_initializer: Any = "glorot_uniform",
        seed: int | None = None,
        weight_bits: int | None = None,
        activation_bits: int | None = None,
        quantize_scores: bool = False,
        per_channel: bool = True,
        quantize_input: bool = True,
        equalize: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.head_size = head_size
        self.rate = dropout
        self.seed = seed
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.dropout = Dropout(dropout, seed=seed, dtype=self.dtype_policy, name="dropout")
        self.weight_bits, self.activation_bits = weight_bits, activation_bits
        self.per_channel, self.quantize_input = per_channel, quantize_input
        self.quantize_scores, self.equalize = quantize_scores, equalize
        self.island: float | None = None  # see `fake_quant.isolate`
        # Name of a projection -> its LowRank or None, set before the layer is built.
        self.low_rank: Callable[[str], Any] = lambda name: None
        inside = activation_bits if quantize_scores else None
        self.scores_range = value_quantizer(inside, name="scores_range")
        self.weights_range = value_quantizer(
            inside, "fixed", start=(0.0, 1.0), name="weights_range"
        )
        self.context_range = value_quantizer(activation_bits, name="context_range")

    def _build(self, shape: Shape, first: str, parts: int) -> None:
        """Build the projection `first` to `parts` times the width of all heads, and `output`."""
        width = shape[-1]
        if self.head_size is None and width % self.heads:
            raise ValueError(
                f"width {width} is not a multiple of {self.heads} heads: give head_size"
            )
        self.size = self.head_size or width // self.heads
        inner = self.heads * self.size
        projection = self._linear(parts * inner, first, self.quantize_input)
        setattr(self, first, projection)
        projection.build(shape)
        self.output_projection = self._linear(width, "output", False)
        self.output_projection.build((*shape[:-1], inner))
        # One range per tensor: its shape does not matter.
        build((self.scores_range, ()), (self.weights_range, ()), (self.context_range, ()))

    def _linear(self, units: int, name: str, quantize_input: bool) -> Linear:
        linear = Linear(
            units,
            kernel_initializer=self.kernel_initializer.clone(),
            weight_bits=self.weight_bits,
            activation_bits=self.activation_bits,
            per_channel=self.per_channel,
            quantize_input=quantize_input,
            equalize=self.equalize,
            dtype=self.dtype_policy,
            name=name,
        )
        linear.low_rank = self.low_rank(name)
        return linear

    def _split_heads(self, x: KerasTensor, parts: int) -> list[KerasTensor]:
        """Split (b, t, parts * heads * size) into parts of (b, t, heads, size)."""
        batch, length, _ = ops.shape(x)
        split = (batch, length, self.heads, self.size)
        cut = ops.split(x, parts, axis=-1) if parts > 1 else [x]
        return [ops.reshape(part, split) for part in cut]

    def _attend(
        self, q: KerasTensor, k: KerasTensor, v: KerasTensor, bias: KerasTensor, training: bool
    ) -> tuple[KerasTensor, KerasTensor]:
        """Attend: q (b, h, t, size), k (b, h, size, s), v (b, h, s, size), bias (b, h, t, s)
        -> output (b, t, d), weights (b, h, t, s)."""
        if self.quantize_scores:  # the factor would move q off its grid
            scores = quantized(self.scores_range, ops.matmul(q, k), training)  # b h t s
            scores = ops.multiply(scores, self.size**-0.5)
        else:
            scores = ops.matmul(ops.multiply(q, self.size**-0.5), k)
            v = isolate(v, self.island)
        scores = ops.add(scores, bias)
        # A softmax in half precision loses the small weights of long rows.
        weights = ops.softmax(ops.cast(scores, "float32"), axis=-1)
        weights = self.dropout(ops.cast(weights, self.compute_dtype), training=training)
        weights = quantized(self.weights_range, weights, training)
        x = quantized(self.context_range, ops.matmul(weights, v), training)
        batch, _, length, _ = ops.shape(q)
        x = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (batch, length, self.heads * self.size))
        return self.output_projection(x, training=training), weights

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dropout": self.rate}


def rows(x: KerasTensor) -> KerasTensor:
    """Transpose (b, t, h, size) to (b, h, t, size)."""
    return ops.transpose(x, (0, 2, 1, 3))


def columns(x: KerasTensor) -> KerasTensor:
    """Transpose (b, t, h, size) to (b, h, size, t)."""
    return ops.transpose(x, (0, 2, 3, 1))
