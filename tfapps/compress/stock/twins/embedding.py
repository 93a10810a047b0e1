"""Embedding."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from tfapps.compress.stock.twins import base
from tfapps.layers.fake_quant import by_row


class Embedding(base.Twin):
    """A table with a range for each row, which depends on the row alone and so needs no weight."""

    of = (keras.layers.Embedding,)
    bits_from = "embedding_bits"
    baked = False

    def add_quantizers(self) -> None:
        """Do nothing: the ranges are computed."""

    @property
    def bits(self) -> int | None:
        """Of the table; None leaves it float."""
        return None if self.baked else self.settings.embedding_bits

    def call(self, inputs: Any) -> Any:
        return by_row(super().call(inputs), self.bits)

    def bake(self) -> None:
        """Round the table permanently."""
        self.round_weights()
        self.baked = True

    def round_weights(self) -> None:
        """Round the table to its grid."""
        table = self._embeddings
        table.assign(by_row(ops.convert_to_tensor(table), self.bits))
