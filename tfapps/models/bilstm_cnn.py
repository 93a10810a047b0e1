"""A bidirectional LSTM over words and their letters, without pre-training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from tfapps.config.reads import SharedFile
from tfapps.config.sections import Section
from tfapps.errors import InputError
from tfapps.features.feature import MASK, Feature, tokens
from tfapps.models import _inputs, _sizes, _tokenizers, _vectors, base
from tfapps.text import surface

if TYPE_CHECKING:
    import keras

    from tfapps.config.sections import TextConfig
    from tfapps.text.tokenizer import Tokenizer


class Config(Section):
    """Vectors of words, of their case and of their letters, then `layers` bidirectional LSTMs.

    Source: Ma and Hovy 2016, "End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF";
    the case of words from Chiu and Nichols 2016.

    Attributes:
        vectors: file of word vectors to start from, as GloVe writes them.
        filters: number of convolution filters over `filter_width` letters.
    """

    tiny: ClassVar = {"units": 8, "embedding_size": 8, "filters": 6, "max_length": 12}

    name: str = "bilstm_cnn"
    max_length: int = Field(128, ge=2)
    embedding_size: int = Field(100, ge=1)
    vectors: SharedFile | None = None
    letter_size: int = Field(30, ge=1)
    filters: int = Field(50, ge=1)
    filter_width: int = Field(3, ge=1)
    case_size: int = Field(10, ge=1)
    units: int = Field(200, ge=1)
    layers: int = Field(1, ge=1)
    dropout: float = Field(0.5, ge=0, lt=1)

    @field_validator("filter_width")
    @classmethod
    def _has_a_middle(cls, width: int) -> int:
        if width % 2 == 0:
            raise ValueError(f"got {width}, expected an odd number of letters, such as 3")
        return width


def features(config: Config) -> tuple[Feature, ...]:
    """Return the inputs of the model."""
    length = config.max_length
    letters = Feature("char_ids", shape=(None, surface.LONGEST), length=length, mask=MASK)
    return (*tokens("token_ids", "padding_mask", "case_ids", length=length), letters)


def tokenizer(config: Config, text: TextConfig, texts: Iterable[str | Sequence[str]]) -> Tokenizer:
    """Train a tokenizer of whole words on `texts`, plus the words that have vectors.

    Raises:
        InputError: the text section asks for pieces of words.
    """
    if text.tokenizer not in ("auto", "words", "characters"):
        raise InputError(
            f"text.tokenizer: got {text.tokenizer}, but bilstm_cnn reads whole words; expected "
            "auto, words or characters"
        )
    if config.vectors is not None:
        vector_words = list(_vectors.read(config.vectors, config.embedding_size))
        texts = [*texts, *[vector_words] * text.min_frequency]
    return _tokenizers.train(text, texts, auto="words").looking_at("case_ids", "char_ids")


def build(
    config: Config,
    *,
    vocabulary_size: int,
    batch_size: int | None = None,
    length: int | None = None,
) -> keras.Model:
    """Return the encoder with random weights; a graph of static shape if both sizes are given.

    Shapes: token_ids, padding_mask, case_ids (b, t), char_ids (b, t, l) ->
    sequence (b, t, 2 * units), pooled (b, 2 * units).
    """
    import keras

    from tfapps.layers.bidirectional import BidirectionalLSTM
    from tfapps.layers.dropout import Dropout
    from tfapps.layers.embedding import Embedding
    from tfapps.layers.pooling import Pooling
    from tfapps.layers.reverse import ReverseOrder

    inputs = _inputs.tensors(features(config), batch_size, length)
    order = ReverseOrder(name="reverse_order")(inputs["padding_mask"])
    words = Embedding(vocabulary_size, config.embedding_size, name="embeddings")
    cases = Embedding(surface.CASES, config.case_size, name="case_embeddings")
    parts = [words(inputs["token_ids"]), cases(inputs["case_ids"])]
    x = keras.layers.Concatenate(name="features")([*parts, _letters(config, inputs["char_ids"])])
    x = Dropout(config.dropout, name="features_dropout")(x)
    for index in range(config.layers):
        x = BidirectionalLSTM(config.units, name=f"lstm_{index}")(x, order)
        x = Dropout(config.dropout, name=f"lstm_{index}_dropout")(x)
    pooled = Pooling("max", name="pooling")(x, inputs["padding_mask"])
    return keras.Model(inputs, {"sequence": x, "pooled": pooled}, name="bilstm_cnn")


def load_pretrained(config: Config, model: keras.Model, tokenizer: Tokenizer) -> None:
    """Set the embeddings of words that the vectors file contains, if the config names one.

    Raises:
        InputError: the file is missing or malformed.
    """
    if config.vectors is None:
        return
    vectors = _vectors.read(config.vectors, config.embedding_size)
    layer = model.get_layer("embeddings")
    table = np.asarray(layer.embeddings).copy()
    for number, word in enumerate(tokenizer.pieces()):
        if word in vectors:
            table[number] = vectors[word]
    layer.embeddings.assign(table)


def _letters(config: Config, char_ids: Any) -> Any:
    """Return features of the letters of each word: (b, t, l) -> (b, t, filters)."""
    from tfapps.layers.embedding import Embedding
    from tfapps.layers.linear import Linear
    from tfapps.layers.strongest import Strongest
    from tfapps.layers.unfold import Unfold

    x = Embedding(surface.LETTERS, config.letter_size, name="letter_embeddings")(char_ids)
    x = Unfold(config.filter_width, name="letter_neighbours")(x)
    x = Linear(config.filters, activation="relu", name="letter_filters")(x)
    return Strongest(name="letter_features")(x)


class Model(base.Model):
    """The hooks that other packages call."""

    from_nothing = 3e-3
    parts = ("dense layers", "letters")
    features = staticmethod(features)
    tokenizer = staticmethod(tokenizer)
    build = staticmethod(build)
    load_pretrained = staticmethod(load_pretrained)

    @staticmethod
    def weights(config: Config) -> base.Weights:
        """Return the number of weights, by entry of the vocabulary and of all else."""
        others = surface.CASES * config.case_size + surface.LETTERS * config.letter_size
        others += _sizes.linear(config.filter_width * config.letter_size, config.filters)
        width = config.embedding_size + config.case_size + config.filters
        others += _sizes.bidirectional(width, config.units, config.layers)
        return base.Weights(config.embedding_size, others)
