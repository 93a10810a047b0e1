"""The padding mask as an addend of attention scores."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments

# Far below any score, yet finite in float16.
BLOCKED = -10000.0


@keras.saving.register_keras_serializable("tfapps")
class AttentionBias(Arguments):
    """0 where a token may be attended to, a large negative number where it is padding.

    Computed once per model and shared by all of its blocks.

    Args:
        blocked: that number. The exporter sets a smaller one for integer files, where this one
            would use up the range of the scores.

    Shapes: padding_mask (b, t), 1 = real token -> (b, 1, 1, t).
    """

    def __init__(self, blocked: float = BLOCKED, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.blocked = blocked

    def call(self, padding_mask: KerasTensor) -> KerasTensor:
        blocked = ops.subtract(1.0, ops.cast(padding_mask, self.compute_dtype))
        blocked = ops.multiply(blocked, ops.cast(self.blocked, self.compute_dtype))
        return ops.expand_dims(ops.expand_dims(blocked, 1), 1)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return (input_shape[0], 1, 1, input_shape[1])
