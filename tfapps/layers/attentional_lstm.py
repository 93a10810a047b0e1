"""A decoder with input feeding: each step reads the attentional state of the previous one."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments
from tfapps.layers.dropout import Dropout
from tfapps.layers.linear import Linear
from tfapps.layers.lstm import GATES, LSTM
from tfapps.layers.memory_attention import MemoryAttention

Shape = tuple[int | None, ...]
Tensors = list[KerasTensor]


@keras.saving.register_keras_serializable("tfapps")
class AttentionalLSTM(Arguments):
    """Stacked LSTMs, attention and the attentional state tanh(W[context; state]), which is fed to
    the first LSTM of the next step (input feeding, Luong et al. 2015, "Effective Approaches to
    Attention-based Neural Machine Translation").

    The product of the words with their kernel is computed before the loop, the rest inside it.

    Args:
        units: width of each LSTM.
        width: of the attentional state.
        depth: LSTMs on top of each other.
        attention: "dot" or "additive", see `MemoryAttention`.
        dropout: rate between the LSTMs.
        over_time: drop the same values at all steps, see `Dropout`.
        seed: of the dropout.
        weight_bits: quantize all kernels; None leaves them float.
        activation_bits: quantize the inputs and outputs of products.
        quantize_scores: with activation_bits, also quantize attention scores and weights.
        per_channel: a range for each column of a kernel, else one for all of it (or for each gate).

    Shapes: x (b, t, d), states [h_0 (b, units), c_0 (b, units), h_1, c_1, ..., fed (b, width)],
    keys (b, s, k), memory (b, s, m), bias (b, 1, 1, s) -> attentional states (b, t, width),
    weights (b, t, s), and the states after the last step, one by one.
    """

    def __init__(
        self,
        units: int,
        width: int,
        depth: int = 1,
        attention: str = "dot",
        dropout: float = 0.0,
        over_time: bool = False,
        seed: int | None = None,
        weight_bits: int | None = None,
        activation_bits: int | None = None,
        quantize_scores: bool = False,
        per_channel: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.width, self.depth, self.kind = units, width, depth, attention
        self.rate, self.over_time, self.seed = dropout, over_time, seed
        self.weight_bits, self.activation_bits = weight_bits, activation_bits
        self.quantize_scores, self.per_channel = quantize_scores, per_channel
        bits = {"weight_bits": weight_bits, "activation_bits": activation_bits}
        bits |= {"per_channel": per_channel}
        dtype = {"dtype": self.dtype_policy}
        self.lstms = [
            LSTM(units, **bits, quantize_products=True, **dtype, name=f"lstm_{i}")
            for i in range(depth)
        ]
        self.feed = Linear(GATES * units, use_bias=False, **bits, **dtype, name="feed")
        self.merge = Linear(width, "tanh", **bits, **dtype, name="merge")
        self.attention = MemoryAttention(
            attention, quantize_scores=quantize_scores, **bits, **dtype, name="attention"
        )
        self.dropout = Dropout(dropout, seed, over_time, **dtype, name="dropout")

    def build(
        self,
        x_shape: Shape,
        states_shape: list[Shape],
        keys_shape: Shape,
        memory_shape: Shape,
        bias_shape: Shape,
    ) -> None:
        state = (x_shape[0], 1, self.units)
        for lstm, shape in zip(self.lstms, [x_shape] + [state] * self.depth, strict=False):
            lstm.build(shape)
        self.feed.build((x_shape[0], self.width))
        self.attention.build(state, keys_shape, memory_shape, bias_shape)
        self.merge.build((x_shape[0], memory_shape[-1] + self.units))

    def call(
        self,
        x: KerasTensor,
        states: Tensors,
        keys: KerasTensor,
        memory: KerasTensor,
        bias: KerasTensor,
        training: bool = False,
    ) -> Tensors:
        each = ops.concatenate([self.lstms[0].products(x, training), *self._noise(x, training)], -1)
        first = []
        for i, lstm in enumerate(self.lstms):
            first += lstm.begin(states[2 * i : 2 * i + 2], training)
        carry = [*first, states[-1], ops.zeros_like(ops.squeeze(bias, (1, 2)))]

        def step(carry: Tensors, each: KerasTensor) -> tuple[Tensors, Tensors]:
            carry = self._step(carry, each, (keys, memory, bias), training)
            return carry, carry

        try:
            if x.shape[1] == 1:
                carry, _ = step(carry, ops.squeeze(each, 1))
                every = [ops.expand_dims(part, 1) for part in carry]
            else:
                carry, every = ops.scan(step, carry, ops.transpose(each, (1, 0, 2)))
                every = [ops.transpose(part, (1, 0, 2)) for part in every[-2:]]
        finally:
            for lstm in self.lstms:
                lstm.end()
        return [*every[-2:], *carry[:-1]]

    def _noise(self, x: KerasTensor, training: bool) -> Tensors:
        """Return dropout factors (b, t, u) for all LSTMs but the first, drawn before the loop."""
        if not training or not self.rate:
            return []
        shape = (*ops.shape(x)[:-1], self.units)
        ones = ops.ones(shape, dtype=self.compute_dtype)
        return [self.dropout(ones, training=True) for _ in self.lstms[1:]]

    def _step(
        self, carry: Tensors, each: KerasTensor, memory: tuple[KerasTensor, ...], training: bool
    ) -> Tensors:
        """Map states, attentional state and weights of a step to those of the next."""
        *states, fed, _ = carry
        cuts = [*range(GATES * self.units, each.shape[-1], self.units)]
        products, *noise = ops.split(each, cuts, axis=-1) if cuts else [each]
        products = ops.add(products, self.feed(fed, training=training))
        new = []
        for i, lstm in enumerate(self.lstms):
            h, after = lstm.step(products, states[2 * i : 2 * i + 2], training)
            new += after
            if i + 1 < self.depth:
                below = ops.multiply(h, noise[i]) if noise else h
                products = self.lstms[i + 1].products(below, training)
        context, weights = self.attention(ops.expand_dims(h, 1), *memory, training=training)
        merged = ops.concatenate([ops.squeeze(context, 1), h], axis=-1)
        return [*new, self.merge(merged, training=training), ops.squeeze(weights, 1)]

    def compute_output_shape(
        self,
        x_shape: Shape,
        states_shape: list[Shape],
        keys_shape: Shape,
        memory_shape: Shape,
        bias_shape: Shape,
    ) -> list[Shape]:
        ahead = x_shape[:-1]
        return [(*ahead, self.width), (*ahead, memory_shape[1]), *map(tuple, states_shape)]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "attention": self.kind, "dropout": self.rate}
