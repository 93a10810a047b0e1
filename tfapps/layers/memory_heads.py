"""Keys and values of an encoder's states, for all attention layers of a decoder at once."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments
from tfapps.layers.linear import Linear
from tfapps.layers.multi_head import Shape, columns, rows


@keras.saving.register_keras_serializable("tfapps")
class MemoryHeads(Arguments):
    """One linear map of the memory, split into the keys and values that `CrossAttention` reads.

    Args:
        depth: attention layers of the decoder.
        heads: of each.
        head_size: width of a head; by default the width of the memory divided by `heads`.
        kernel_initializer: of the map.
        weight_bits: quantize the kernel; None leaves it float.
        activation_bits: quantize the input and output of the product.
        per_channel: a range for each column of the kernel, else one for all of it.
        quantize_input: False if the previous layer has quantized it.
        equalize: see `Linear`.

    Shapes: memory (b, s, d) -> keys (b, heads, size, s), values (b, heads, s, size) of the first
    layer, then of the second, ...
    """

    def __init__(
        self,
        depth: int,
        heads: int,
        head_size: int | None = None,
        kernel_initializer: Any = "glorot_uniform",
        weight_bits: int | None = None,
        activation_bits: int | None = None,
        per_channel: bool = True,
        quantize_input: bool = True,
        equalize: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.depth, self.heads, self.head_size = depth, heads, head_size
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.weight_bits, self.activation_bits = weight_bits, activation_bits
        self.per_channel, self.quantize_input = per_channel, quantize_input
        self.equalize = equalize

    def build(self, memory_shape: Shape) -> None:
        self.size = self.head_size or memory_shape[-1] // self.heads
        self.map = Linear(
            2 * self.depth * self.heads * self.size,
            kernel_initializer=self.kernel_initializer.clone(),
            weight_bits=self.weight_bits,
            activation_bits=self.activation_bits,
            per_channel=self.per_channel,
            quantize_input=self.quantize_input,
            equalize=self.equalize,
            dtype=self.dtype_policy,
            name="map",
        )
        self.map.build(memory_shape)

    def call(self, memory: KerasTensor, training: bool = False) -> list[KerasTensor]:
        batch, length, _ = ops.shape(memory)
        split = (batch, length, self.heads, self.size)
        parts = ops.split(self.map(memory, training=training), 2 * self.depth, axis=-1)
        turns = (columns, rows) * self.depth
        return [turn(ops.reshape(part, split)) for turn, part in zip(turns, parts, strict=True)]

    def compute_output_shape(self, memory_shape: Shape) -> list[Shape]:
        batch, length, width = memory_shape
        size = self.head_size or width // self.heads
        pair = [(batch, self.heads, size, length), (batch, self.heads, length, size)]
        return pair * self.depth
