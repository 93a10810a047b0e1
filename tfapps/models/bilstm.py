"""A bidirectional LSTM encoder trained from scratch: small, and fast on any machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tfapps.config.sections import Section
from tfapps.models import _inputs, _sizes, base

if TYPE_CHECKING:
    import keras


class Config(Section):
    """Embeddings, `layers` bidirectional LSTMs and a pooling of their states."""

    tiny: ClassVar = {"units": 8, "embedding_size": 8, "max_length": 12}

    name: str = "bilstm"
    max_length: int = Field(64, ge=2)
    embedding_size: int = Field(200, ge=1)
    units: int = Field(128, ge=1)
    layers: int = Field(1, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    embedding_dropout: float | None = Field(None, ge=0, lt=1)
    pooling: Literal["attention", "max", "mean"] = "attention"


def build(
    config: Config,
    *,
    vocabulary_size: int,
    batch_size: int | None = None,
    length: int | None = None,
) -> keras.Model:
    """Return the encoder with random weights; a graph of static shape if both sizes are given.

    Shapes: token_ids, padding_mask (b, t) -> sequence (b, t, 2 * units), pooled (b, 2 * units).
    """
    import keras

    from tfapps.layers.bidirectional import BidirectionalLSTM
    from tfapps.layers.dropout import Dropout
    from tfapps.layers.embedding import Embedding
    from tfapps.layers.pooling import Pooling
    from tfapps.layers.reverse import ReverseOrder

    inputs = _inputs.tensors(Model.features(config), batch_size, length)
    first = config.dropout if config.embedding_dropout is None else config.embedding_dropout
    order = ReverseOrder(name="reverse_order")(inputs["padding_mask"])
    x = Embedding(vocabulary_size, config.embedding_size, name="embeddings")(inputs["token_ids"])
    x = Dropout(first, name="embeddings_dropout")(x)
    for index in range(config.layers):
        x = BidirectionalLSTM(config.units, name=f"lstm_{index}")(x, order)
        x = Dropout(config.dropout, name=f"lstm_{index}_dropout")(x)
    pooled = Pooling(config.pooling, name="pooling")(x, inputs["padding_mask"])
    return keras.Model(inputs, {"sequence": x, "pooled": pooled}, name="bilstm")


class Model(base.Model):
    """The hooks that other packages call."""

    from_nothing = 2e-3
    parts = ("word pieces",)
    build = staticmethod(build)

    @staticmethod
    def weights(config: Config) -> base.Weights:
        """Return the number of weights, by entry of the vocabulary and of all else."""
        size, units = config.embedding_size, config.units
        pooling = 2 * units if config.pooling == "attention" else 0
        return base.Weights(size, _sizes.bidirectional(size, units, config.layers) + pooling)
