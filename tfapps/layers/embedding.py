"""An embedding table that supports quantization-aware training."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments
from tfapps.layers.fake_quant import by_row
from tfapps.layers.quantized import Quantized


@keras.saving.register_keras_serializable("tfapps")
class Embedding(Quantized, Arguments, keras.layers.Embedding):
    """`keras.layers.Embedding` with `weight_bits`: a range for each row; None leaves it float.

    Shapes: ids (b, t) -> (b, t, d).
    """

    def __init__(self, *args: Any, weight_bits: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.weight_bits = weight_bits

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return by_row(super().call(inputs), self.weight_bits)

    def bake(self) -> None:
        """Round the table permanently."""
        self.round_weights()
        self.weight_bits = None

    def round_weights(self) -> None:
        """Round the table to its grid."""
        table = ops.convert_to_tensor(self.embeddings.numpy())
        self.embeddings.assign(by_row(table, self.weight_bits))
