"""Token, position and segment embeddings, summed; the first also turns states into logits."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments
from tfapps.layers.fake_quant import by_row
from tfapps.layers.quantized import Quantized


@keras.saving.register_keras_serializable("tfapps")
class BertEmbeddings(Quantized, Arguments):
    """The input of a BERT encoder before its first normalisation.

    Args:
        vocabulary_size: rows of the token table.
        positions: rows of the position table; sequences may be shorter.
        units: width of all three tables.
        segments: rows of the segment table.
        initializer: of the three tables.
        weight_bits: quantize the token table, a range for each row; None leaves it float. The
            other tables are small.

    Shapes: token_ids (b, t), segment_ids (b, t) -> (b, t, units); with `project`, x (..., units)
    in place of the ids -> products with all rows of the token table, (..., vocabulary_size).
    """

    def __init__(
        self,
        vocabulary_size: int,
        positions: int,
        units: int,
        segments: int = 2,
        initializer: Any = "uniform",
        weight_bits: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.weight_bits = weight_bits
        self.vocabulary_size = vocabulary_size
        self.positions = positions
        self.units = units
        self.segments = segments
        self.initializer = keras.initializers.get(initializer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        def table(name: str, rows: int) -> Any:
            initializer = self.initializer.clone()
            return self.add_weight(name=name, shape=(rows, self.units), initializer=initializer)

        self.token = table("token", self.vocabulary_size)
        self.position = table("position", self.positions)
        self.segment = table("segment", self.segments)

    def call(
        self,
        token_ids: KerasTensor,
        segment_ids: KerasTensor | None = None,
        project: bool = False,
    ) -> KerasTensor:
        if project:
            table = by_row(ops.cast(self.token, self.compute_dtype), self.weight_bits)
            shape = ops.shape(token_ids)
            x = ops.matmul(ops.reshape(token_ids, (-1, self.units)), ops.transpose(table))
            return ops.reshape(x, (*shape[:-1], self.vocabulary_size))
        length = ops.shape(token_ids)[1]
        x = by_row(ops.take(self.token, token_ids, axis=0), self.weight_bits)
        position = ops.slice(ops.convert_to_tensor(self.position), (0, 0), (length, self.units))
        x = ops.add(x, ops.add(position, ops.take(self.segment, segment_ids, axis=0)))
        return ops.cast(x, self.compute_dtype)

    def bake(self) -> None:
        """Round the token table permanently."""
        self.round_weights()
        self.weight_bits = None

    def round_weights(self) -> None:
        """Round the token table to its grid."""
        table = ops.convert_to_tensor(self.token.numpy())
        self.token.assign(by_row(table, self.weight_bits))

    def compute_output_spec(
        self,
        token_ids: KerasTensor,
        segment_ids: KerasTensor | None = None,
        project: bool = False,
    ) -> KerasTensor:
        shape = (*token_ids.shape, self.units)
        if project:
            shape = (*token_ids.shape[:-1], self.vocabulary_size)
        return KerasTensor(shape, dtype=self.compute_dtype)
