"""Embedding, and ReversibleEmbedding, which also turns states into logits."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from tfapps.compress.stock.rounded import calling, is_called
from tfapps.compress.stock.twins import base
from tfapps.layers.fake_quant import by_row


class Table(base.Twin):
    """A table with a range for each row, which depends on the row alone and so needs no weight."""

    bits_from = "embedding_bits"
    baked = False

    @property
    def bits(self) -> int | None:
        """Of the table; None leaves it float."""
        return None if self.baked else self.settings.embedding_bits

    def bake(self) -> None:
        """Round the table permanently."""
        self.round_weights()
        self.baked = True

    def round_weights(self) -> None:
        """Round the table to its grid."""
        table = self._embeddings
        table.assign(by_row(ops.convert_to_tensor(table), self.bits))


class Embedding(Table):
    """A table whose rows are looked up."""

    of = (keras.layers.Embedding,)

    def add_quantizers(self) -> None:
        """Do nothing: the ranges are computed."""

    def call(self, inputs: Any) -> Any:
        return by_row(super().call(inputs), self.bits)


class ReversibleEmbedding(Table, base.Leaf):
    """A table whose rows are the output channels of a product too."""

    of = (keras.layers.ReversibleEmbedding,)

    @classmethod
    def refuses(cls, layer: Any) -> str:
        return "" if layer.tie_weights else "its two tables are not tied"

    def add_quantizers(self) -> None:
        self.input_range = self.value_quantizer("input_range")
        self.output_range = self.value_quantizer("output_range")

    @property
    def embeddings(self) -> Any:
        """The table, rounded in a product."""
        table = super().embeddings
        return by_row(ops.convert_to_tensor(table), self.bits) if is_called(self) else table

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        stock = super(base.Leaf, self)
        if not reverse:
            return by_row(stock.call(inputs), self.bits)
        x = inputs if self.input_range is None else self.input_range(inputs)
        with calling(self):
            logits = stock.call(x, reverse=True)
        return logits if self.output_range is None else self.output_range(logits)
