"""A convolutional network over words: small, quick to train and to run, no pre-training."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from tfapps.config.sections import Section
from tfapps.models import _inputs, _sizes, base

if TYPE_CHECKING:
    import keras


class Config(Section):
    """Word vectors, patterns of neighbouring words of several widths, and their maxima.

    Source: Kim 2014, "Convolutional Neural Networks for Sentence Classification".

    Attributes:
        widths: how many neighbouring words a pattern spans, odd numbers.
        filters: patterns of each width.
        dropout: on the word vectors.
    """

    tiny: ClassVar = {"embedding_size": 8, "filters": 6, "widths": [1, 3], "max_length": 12}

    name: str = "text_cnn"
    max_length: int = Field(128, ge=2)
    embedding_size: int = Field(128, ge=1)
    widths: tuple[int, ...] = (1, 3, 5)
    filters: int = Field(128, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)

    @field_validator("widths")
    @classmethod
    def _have_a_middle(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if not widths or len(set(widths)) < len(widths) or any(w < 1 or not w % 2 for w in widths):
            raise ValueError(f"got {list(widths)}, expected different odd numbers, such as 1, 3, 5")
        return widths


def build(
    config: Config,
    *,
    vocabulary_size: int,
    batch_size: int | None = None,
    length: int | None = None,
) -> keras.Model:
    """Build the encoder with random weights; a graph of static shape if both sizes are given.

    Shapes: token_ids, padding_mask (b, t) -> sequence (b, t, filters * widths), pooled
    (b, filters * widths).
    """
    import keras

    from tfapps.layers.dropout import Dropout
    from tfapps.layers.embedding import Embedding
    from tfapps.layers.linear import Linear
    from tfapps.layers.only_tokens import OnlyTokens
    from tfapps.layers.pooling import Pooling
    from tfapps.layers.unfold import Unfold

    inputs = _inputs.tensors(Model.features(config), batch_size, length)
    x = Embedding(vocabulary_size, config.embedding_size, name="embeddings")(inputs["token_ids"])
    x = Dropout(config.dropout, name="embeddings_dropout")(x)
    x = OnlyTokens(name="embeddings_only_tokens")(x, inputs["padding_mask"])
    maps = []
    for width in config.widths:
        neighbours = Unfold(width, name=f"neighbours_{width}")(x)
        maps.append(Linear(config.filters, activation="relu", name=f"filters_{width}")(neighbours))
    x = keras.layers.Concatenate(name="filters")(maps) if len(maps) > 1 else maps[0]
    pooled = Pooling("max", name="pooling")(x, inputs["padding_mask"])
    return keras.Model(inputs, {"sequence": x, "pooled": pooled}, name="text_cnn")


class Model(base.Model):
    """What other packages ask of this file."""

    from_nothing = 2e-3
    parts = ("dense layers", "word pieces")
    build = staticmethod(build)

    @staticmethod
    def weights(config: Config) -> base.Weights:
        """Return the number of weights, by entry of the vocabulary and of all else."""
        size, filters = config.embedding_size, config.filters
        maps = sum(_sizes.linear(width * size, filters) for width in config.widths)
        return base.Weights(size, maps)
