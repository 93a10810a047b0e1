"""Attention of a decoder's states over the states of an encoder."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments
from tfapps.layers.fake_quant import build, isolate, quantized, value_quantizer
from tfapps.layers.linear import Linear

KINDS = ("dot", "additive")
Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable("tfapps")
class MemoryAttention(Arguments):
    """For each query, a mean of the memory weighted by how well its keys match.

    The keys are a linear map of the memory, made once for all queries: with "dot" a score is the
    product of query and key, the "general" form of Luong et al. 2015, "Effective Approaches to
    Attention-based Neural Machine Translation"; with "additive" it is v . tanh(W query + key)
    (Bahdanau et al. 2015, "Neural Machine Translation by Jointly Learning to Align and
    Translate").

    Args:
        kind: "dot" (keys must be as wide as queries) or "additive".
        weight_bits: quantize the kernel of the query ("additive"); None leaves it float.
        activation_bits: quantize the inputs and outputs of products.
        quantize_scores: with activation_bits, also quantize the scores and the weights.
        per_channel: a range for each column of the kernel, else one for all of it.

    Shapes: query (b, t, q), keys (b, s, k), memory (b, s, d), bias (b, 1, 1, s) from
    `AttentionBias` -> context (b, t, d), weights (b, t, s).

    Raises:
        ValueError: for an unknown kind, or keys of another width than that of the queries.
    """

    def __init__(
        self,
        kind: str = "dot",
        weight_bits: int | None = None,
        activation_bits: int | None = None,
        quantize_scores: bool = False,
        per_channel: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if kind not in KINDS:
            raise ValueError(f"attention: got {kind!r}, expected one of {', '.join(KINDS)}")
        self.kind = kind
        self.weight_bits, self.activation_bits = weight_bits, activation_bits
        self.quantize_scores, self.per_channel = quantize_scores, per_channel
        self.island: float | None = None  # see `fake_quant.isolate`
        inside = activation_bits if quantize_scores else None
        self.scores_range = value_quantizer(inside, name="scores_range")
        self.weights_range = value_quantizer(
            inside, "fixed", start=(0.0, 1.0), name="weights_range"
        )
        self.context_range = value_quantizer(activation_bits, name="context_range")

    def build(
        self, query_shape: Shape, keys_shape: Shape, memory_shape: Shape, bias_shape: Shape
    ) -> None:
        width = keys_shape[-1]
        if self.kind == "additive":
            self.query = Linear(
                width,
                use_bias=False,
                weight_bits=self.weight_bits,
                activation_bits=self.activation_bits,
                per_channel=self.per_channel,
                dtype=self.dtype_policy,
                name="query",
            )
            self.query.build(query_shape)
            self.score = self.add_weight(
                name="score", shape=(width, 1), initializer="glorot_uniform"
            )
        elif query_shape[-1] != width:
            raise ValueError(
                f"dot attention: keys are {width} wide and queries {query_shape[-1]}, expected the "
                "same; let the map of the memory to keys have the width of the queries"
            )
        build((self.scores_range, ()), (self.weights_range, ()), (self.context_range, ()))

    def call(
        self,
        query: KerasTensor,
        keys: KerasTensor,
        memory: KerasTensor,
        bias: KerasTensor,
        training: bool = False,
    ) -> tuple[KerasTensor, KerasTensor]:
        query = isolate(query, self.island)
        if self.kind == "dot":
            scores = ops.matmul(query, ops.transpose(keys, (0, 2, 1)))
        else:
            scores = self._additive(self.query(query, training=training), keys)
        scores = quantized(self.scores_range, scores, training)
        scores = ops.add(scores, ops.squeeze(bias, 1))
        # A softmax in half precision loses the small weights of long rows.
        weights = ops.softmax(ops.cast(scores, "float32"), axis=-1)
        weights = ops.cast(weights, self.compute_dtype)
        weights = quantized(self.weights_range, weights, training)
        context = quantized(self.context_range, ops.matmul(weights, memory), training)
        return isolate(context, self.island), weights

    def _additive(self, query: KerasTensor, keys: KerasTensor) -> KerasTensor:
        batch, length, width = ops.shape(query)
        x = ops.add(ops.expand_dims(keys, 1), ops.expand_dims(query, 2))  # b t s k
        scores = ops.matmul(ops.reshape(ops.tanh(x), (-1, width)), self.score)
        return ops.reshape(scores, (batch, length, ops.shape(keys)[1]))

    def compute_output_shape(
        self, query_shape: Shape, keys_shape: Shape, memory_shape: Shape, bias_shape: Shape
    ) -> tuple[Shape, Shape]:
        return (*query_shape[:-1], memory_shape[-1]), (*query_shape[:-1], memory_shape[1])
