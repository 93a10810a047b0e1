"""Initial states of a decoder, computed from the last states of an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments
from tfapps.layers.fake_quant import isolate
from tfapps.layers.linear import Linear

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable("tfapps")
class Bridge(Arguments):
    """tanh of one linear map of the last states of both directions, split into states.

    The last state of the forward direction is that of the last real token, the last state of the
    backward direction that of the first token.

    Args:
        widths: of the states.
        weight_bits: quantize the kernel; None leaves it float.
        activation_bits: quantize the input and output of the product.
        per_channel: a range for each column of the kernel, else one for all of it.

    Shapes: x (b, s, 2 * d) forwards and backwards side by side, padding_mask (b, s), ones before
    zeros -> a list of (b, width).
    """

    def __init__(
        self,
        widths: Sequence[int],
        weight_bits: int | None = None,
        activation_bits: int | None = None,
        per_channel: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.widths = [*widths]
        self.weight_bits, self.activation_bits = weight_bits, activation_bits
        self.per_channel = per_channel
        self.island: float | None = None  # see `fake_quant.isolate`
        self.map = Linear(
            sum(self.widths),
            activation="tanh",
            weight_bits=weight_bits,
            activation_bits=activation_bits,
            per_channel=per_channel,
            dtype=self.dtype_policy,
            name="map",
        )

    def build(self, x_shape: Shape, padding_mask_shape: Shape) -> None:
        self.map.build((x_shape[0], x_shape[-1]))

    def call(
        self, x: KerasTensor, padding_mask: KerasTensor, training: bool = False
    ) -> list[KerasTensor]:
        batch, time, width = ops.shape(x)
        mask = ops.cast(padding_mask, "int32")
        last = ops.subtract(ops.sum(mask, axis=1, keepdims=True), 1)  # b 1
        place = ops.expand_dims(ops.arange(time, dtype="int32"), 0)  # 1 s
        end = ops.expand_dims(ops.cast(ops.equal(place, last), x.dtype), 1)  # b 1 s
        forward, backward = ops.split(isolate(x, self.island), 2, axis=-1)
        # A product with ones and zeros: edge formats have no slice at a position per row.
        forward = ops.matmul(end, forward)
        backward = ops.slice(backward, (0, 0, 0), (batch, 1, width // 2))
        x = ops.squeeze(ops.concatenate([forward, backward], axis=-1), 1)
        x = self.map(x, training=training)
        cuts = [sum(self.widths[: i + 1]) for i in range(len(self.widths) - 1)]
        return list(ops.split(x, cuts, axis=-1)) if cuts else [x]

    def compute_output_shape(self, x_shape: Shape, padding_mask_shape: Shape) -> list[Shape]:
        return [(x_shape[0], width) for width in self.widths]
