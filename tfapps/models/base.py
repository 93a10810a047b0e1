"""The contract of a model: every attribute and hook that other packages use.

A file of this folder holds a `Config` and a class `Model`, a subclass of the one here. Letters of
shapes: b rows, t tokens, s tokens of a source, d width, v pieces of a vocabulary.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from tfapps.errors import InputError
from tfapps.features.feature import Feature, tokens
from tfapps.models import _tokenizers

if TYPE_CHECKING:
    import keras

    from tfapps.config.sections import TextConfig
    from tfapps.text.tokenizer import Tokenizer


class Weights(NamedTuple):
    """How many weights a model has, without those of the task's head.

    Attributes:
        entry: for each entry of the vocabulary, which both sides of a `seq2seq` model share.
        others: all that do not depend on the vocabulary.
    """

    entry: int
    others: int


class Model(ABC):
    """How an architecture is built; never instantiated.

    Attributes:
        provides: the kind that tasks require in `needs`, `encoder` or `seq2seq`.
        parts: what tuners, compressors and tasks may require: `attention`, `dense layers`,
            `transformer blocks`, `word pieces`, `letters` if it reads those of words, and
            `preset` if weights can come from one.
        auto_tokenizer: the kind that `tokenizer` trains if `text.tokenizer` is auto.
        from_nothing: `train.learning_rate` of a config that states none, for random weights.
    """

    provides: ClassVar[str] = "encoder"
    parts: ClassVar[tuple[str, ...]] = ()
    auto_tokenizer: ClassVar[str] = "wordpiece"
    from_nothing: ClassVar[float] = 1e-3

    @staticmethod
    def features(config: Any) -> tuple[Feature, ...]:
        """Return the inputs of the model in order, by default `token_ids` and `padding_mask`."""
        return tokens("token_ids", "padding_mask", length=config.max_length)

    @classmethod
    def learning_rate(cls, config: Any) -> float:
        """Return `train.learning_rate` of a config that states none, where all weights train."""
        return cls.from_nothing

    @staticmethod
    def weights(config: Any) -> Weights | None:
        """Return the number of weights without building the model; None if only `build` knows it.

        Raises:
            InputError: sizes do not fit the preset, or it is not on this machine.
        """
        return None

    @classmethod
    def tokenizer(cls, config: Any, text: TextConfig, texts: Iterable[Any]) -> Tokenizer:
        """Return the tokenizer of a preset, or train one, by default of any kind.

        Args:
            text: the section `text:`.
            texts: strings, or lists of words.

        Raises:
            InputError: the tokenizer does not fit the model.
        """
        if text.tokenizer == "preset":
            raise InputError(
                f"text.tokenizer: got preset, but {config.name} has none; expected auto, "
                "wordpiece, bpe, words or characters"
            )
        return _tokenizers.train(text, texts, cls.auto_tokenizer)

    @staticmethod
    @abstractmethod
    def build(
        config: Any,
        *,
        vocabulary_size: int,
        target_vocabulary_size: int | None = None,
        batch_size: int | None = None,
        length: int | None = None,
        architecture: Mapping[str, Any] | None = None,
    ) -> keras.Model:
        """Build the functional model with random weights.

        Args:
            vocabulary_size: pieces of the tokenizer.
            target_vocabulary_size: only for `seq2seq` models with two vocabularies.
            batch_size, length: with both, every shape of the graph is static.
            architecture: the result of the hook of this name, unless empty.

        Returns:
            `features` (b, t) by name -> `sequence` (b, t, d) and `pooled` (b, d); of `seq2seq`
            models -> `logits` (b, t, v), the prediction after every token of `target_ids`.

        Raises:
            InputError: sizes do not fit the preset.
        """

    @staticmethod
    def preset(config: Any) -> str | None:
        """Return the preset the weights come from; None if they start random."""
        return None

    @staticmethod
    def load_pretrained(config: Any, model: keras.Model, tokenizer: Any = None) -> None:
        """Set the initial weights of training, where they are not random.

        Raises:
            InputError: weights are missing or do not fit.
        """

    @staticmethod
    def architecture(config: Any, vocabulary_size: int) -> dict[str, Any]:
        """Return the dimensions that a config does not state itself, for the bundle to keep."""
        return {}

    @staticmethod
    def encoder_of(
        model: keras.Model, batch_size: int | None = None, length: int | None = None
    ) -> keras.Model:
        """Return the encoder of a `seq2seq` model or of its clone, on the same weights.

        It maps `token_ids` and `padding_mask` (b, s) to the first states and to what every step
        reads, by name.
        """
        raise NotImplementedError

    @staticmethod
    def step_of(
        model: keras.Model, batch_size: int | None = None, length: int | None = None
    ) -> keras.Model:
        """Return one step of the decoder of a `seq2seq` model, on the same weights.

        It maps `token_ids` (b,) and the outputs of `encoder_of` to `logits` (b, v), `attention`
        (b, s) and the next states, which have the names of the first ones.
        """
        raise NotImplementedError
