"""An embedding table that also computes logits from states."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers.embedding import Embedding
from tfapps.layers.fake_quant import build, by_row, isolate, quantized, value_quantizer


@keras.saving.register_keras_serializable("tfapps")
class TiedEmbedding(Embedding):
    """An embedding whose table is also the output matrix (Press and Wolf 2017, "Using the Output
    Embedding to Improve Language Models").

    Its rows are the output channels of the product, so a range for each row fits both uses.

    Args:
        weight_bits: of the table, a range for each row; None leaves it float.
        activation_bits: quantize the input and output of the product.

    Shapes: ids (...) -> (..., d); with `project`, x (..., d) -> logits (..., rows).
    """

    def __init__(self, *args: Any, activation_bits: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.activation_bits = activation_bits
        self.island: float | None = None  # see `fake_quant.isolate`
        self.input_range = value_quantizer(activation_bits, name="input_range")
        self.output_range = value_quantizer(activation_bits, name="output_range")

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        self.bias = self.add_weight(name="bias", shape=(self.input_dim,), initializer="zeros")
        build((self.input_range, (self.output_dim,)), (self.output_range, (self.input_dim,)))

    def call(
        self, inputs: KerasTensor, project: bool = False, training: bool = False
    ) -> KerasTensor:
        if not project:
            return isolate(super().call(inputs), self.island)
        shape = ops.shape(inputs)
        x = quantized(self.input_range, ops.reshape(inputs, (-1, self.output_dim)), training)
        table = by_row(ops.cast(self.embeddings, self.compute_dtype), self.weight_bits)
        x = ops.add(ops.matmul(x, ops.transpose(table)), self.bias)
        x = quantized(self.output_range, x, training)
        return ops.reshape(x, (*shape[:-1], self.input_dim))

    def compute_output_spec(
        self, inputs: KerasTensor, project: bool = False, training: bool = False
    ) -> KerasTensor:
        shape = (
            (*inputs.shape[:-1], self.input_dim) if project else (*inputs.shape, self.output_dim)
        )
        return KerasTensor(shape, dtype=self.compute_dtype)
