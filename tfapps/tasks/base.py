"""The contract of a task: every attribute and hook that other packages ask for, with its default.

Letters of shapes: b rows, t tokens, d width of the model, c labels, v pieces of a vocabulary.
Hooks that answer (`encode`, `decode` and what they need) run without Keras and TensorFlow: import
those inside of functions.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from tfapps.tasks._judging import Judging, logits_of

if TYPE_CHECKING:
    import keras

    from tfapps.decoding.beam import Search
    from tfapps.features.feature import Feature
    from tfapps.text.columns import Reading, Table

__all__ = ["Task", "logits_of"]


class Task(Judging):
    """What is learned from examples, and how outputs are judged and turned into answers.

    The attributes without `ClassVar` may depend on the config: set them in `__init__`.

    Attributes:
        form: how a model is run, a file of `tfapps/forms/`.
        needs: what a model has to provide, see `provides` of the models.
        exported: the artefacts of a config without `export:`.
        not_compressed: the reason why runs are not compressed; None if they may be.
        running_text: learns from a `Corpus` by hiding tokens of it, instead of from rows.
        classifies: each text has one row of logits (b, c), a number for each label. Explanations
            and `train.class_weights` need this.
        comparable: the logits of a text mean the same whatever model they are of. Ensembles of
            answers, teachers with another tokenizer, and texts without labels need this.
        tags_words: each word has a row of logits, from which `tag_numbers` decodes tags.
        reduces: outputs of all rows would fill the memory; the metrics get what `reduce` keeps.
        rows_at_once: texts that are answered at a time.
        vector_layer: the layer whose input is the vector of a text (b, d); None for none.
        unit: what `weight_column` counts, for the logged training speed.
        best_headline: the headline metric of perfect answers.
        features: inputs that `attach` adds to those of the model.
        targets: names of the columns that the loss is given.
        heads: layers that `attach` adds weights in; `head` stands for `head_norm` as well. They
            have no pre-trained weights: every tuner trains them, at `train.head_learning_rate`,
            and compressors leave them out by default.
        outputs: names of the model's outputs; with several, outputs are a dictionary everywhere.
        weight_column: the column that holds the weight of each row; None weighs all rows alike.
        headline: the metric that selects the best weights; higher is better.
        activation: logits to probabilities, `softmax` or `sigmoid`; `linear` if they are numbers.
        labels: names of the classes, or of what is tagged, by number.
        labels_of_outputs: the labels, if the answer is the argmax of logits (b, c) that a plain
            client may compute; else None.
        tokenizer, target_tokenizer: of a task that keeps them, see `set_tokenizer`.
        allowed: with `transitions`, which tag may follow which, start and end, (c + 2, c) bool.
        config: the section `task:`.
    """

    form: ClassVar[str] = "single"
    needs: ClassVar[str] = "encoder"
    exported: ClassVar[tuple[str, ...]] = ("litert_dynamic",)
    not_compressed: ClassVar[str | None] = None
    running_text: ClassVar[bool] = False
    classifies: ClassVar[bool] = False
    comparable: ClassVar[bool] = False
    tags_words: ClassVar[bool] = False
    reduces: ClassVar[bool] = False
    rows_at_once: ClassVar[int] = 64
    vector_layer: ClassVar[str | None] = None
    unit: ClassVar[str] = "examples"
    best_headline: ClassVar[float] = 1.0
    features: tuple[Feature, ...] = ()
    targets: tuple[str, ...] = ()
    heads: tuple[str, ...] = ("head",)
    outputs: tuple[str, ...] = ("logits",)
    weight_column: str | None = None
    headline: str = "accuracy"
    activation: str = "softmax"
    labels: Sequence[str] = ()
    labels_of_outputs: Sequence[str] | None = None
    tokenizer: Any = None
    target_tokenizer: Any = None
    allowed: np.ndarray | None = None
    config: Any = None

    def __init__(self, config: Any) -> None:
        self.config = config

    # From data to a task

    @classmethod
    def misfit(cls, model: Any) -> str | None:
        """Return why a class `Model` that provides what is needed does not fit; None if it does."""
        return None

    @classmethod
    def one_label(cls, config: Any) -> bool:
        """Return whether each row has exactly one label, a class number in the column `label`."""
        return False

    @classmethod
    def ready(cls, config: Any) -> bool:
        """Return whether the head is set without training, so that no epoch is needed."""
        return False

    @classmethod
    def reading(cls, table: Table) -> Reading | None:
        """Return what `tfapps init` writes for a table; None where the task does not fit.

        Raises:
            InputError: it cannot be decided which columns the task reads.
        """
        return None

    @classmethod
    @abstractmethod
    def learn(cls, config: Any, examples: Any) -> Self:
        """Take labels and the like from the training rows.

        Raises:
            InputError: rows that the task cannot learn from.
        """

    @abstractmethod
    def texts(self, examples: Any) -> Iterable[Any]:
        """Return the texts that a vocabulary is learned from, as strings or lists of words."""

    def set_tokenizer(
        self, tokenizer: Any, examples: Any, make: Callable[[int, Iterable[str]], Any] | None
    ) -> None:
        """Take the tokenizer that was learned from `texts`, and make further ones.

        Args:
            make: (vocabulary size, texts) -> tokenizer.

        Raises:
            InputError: a tokenizer that the task cannot work with.
        """

    @property
    def target_vocabulary_size(self) -> int | None:
        """Return the size of the target's own vocabulary; None where there is none."""
        return None

    def save(self, folder: Path) -> None:
        """Write what was learned into the bundle's `text/` folder, beside the tokenizer."""

    @classmethod
    def load(cls, config: Any, folder: Path) -> Self:
        """Return the task that `save` wrote."""
        return cls(config)

    # From texts to columns

    def expand(self, examples: Any, tokenizer: Any, max_length: int) -> Any:
        """Return the examples that everything else works on: there may be more, or fewer."""
        return examples

    @abstractmethod
    def encode(self, examples: Any, tokenizer: Any, max_length: int) -> tuple[dict[str, Any], int]:
        """Turn examples into columns; those of targets are left out where labels are missing.

        Returns:
            {name: column}, a list of arrays (t, ...) for a ragged column or an array (b, ...) for
            a dense one; and the number of truncated texts.

        Raises:
            InputError: labels that training never saw, or texts that cannot be encoded.
        """

    def masking(self) -> dict[str, Any] | None:
        """Return how tokens are hidden anew in every epoch, see `tfapps.data.masking`; or None.

        The model then reads `masked_places`, and the loss `masked_ids`.
        """
        return None

    def places(self, columns: dict[str, Any], tokenizer: Any) -> list[np.ndarray]:
        """Return where the pieces of each text (of a pair, both) stand in the one encoded row.

        Args:
            columns: `encode` of one example.
        """
        ids, segments = columns["token_ids"][0], columns["segment_ids"][0]
        special = np.isin(ids, list(tokenizer.special_ids))
        return [np.flatnonzero(~special & (segments == segment)) for segment in (0, 1)]

    def frame(self, tokenizer: Any) -> Sequence[int | None]:
        """Return the special ids that `encode` puts around a text, None in place of the text."""
        return tokenizer.frame

    def blank(self, tokenizer: Any) -> int:
        """Return the piece that means nothing: [MASK] where the vocabulary has it, else [UNK]."""
        return tokenizer.unknown_id if tokenizer.mask_id is None else tokenizer.mask_id

    # The model

    @abstractmethod
    def attach(self, model: keras.Model) -> keras.Model:
        """Put the heads on: `sequence` (b, t, d), `pooled` (b, d) or `logits` -> `outputs`."""

    def start_head(
        self, model: keras.Model, embed: Callable[..., Any], examples: Any, run: Any
    ) -> None:
        """Set weights of the head, in a model whose encoder is not trained yet.

        Args:
            embed: examples -> the vectors that reach `vector_layer`, (b, d).
            examples: those of the training.
            run: the config.

        Raises:
            InputError: what the head is to start from is missing or does not fit.
        """

    @abstractmethod
    def loss(
        self,
        targets: dict[str, Any],
        outputs: Any,
        *,
        label_smoothing: float = 0.0,
        class_weights: np.ndarray | None = None,
    ) -> Any:
        """Return the loss of each example, (b,), in `keras.ops`.

        Args:
            targets: the columns that `targets` names.
            label_smoothing: share of the truth given to all classes alike.
            class_weights: of `class_weights`, (c,).
        """

    def class_weights(self, targets: dict[str, np.ndarray]) -> np.ndarray | None:
        """Return (c,) weights that make every class count alike; None if there are no classes."""
        return None

    def reduce(self, targets: dict[str, Any], outputs: Any) -> dict[str, Any]:
        """Return what the metrics need of a batch's outputs, {name: (b, ...)}, in `keras.ops`.

        It is called where `reduces` is set.
        """
        return outputs

    def search(self, final: bool = True) -> Search:
        """Return how answers are searched for; `seq2seq` tasks need it.

        Args:
            final: False after an epoch, where a search may be narrower.
        """
        raise NotImplementedError(f"{type(self).__module__}: form is seq2seq, but has no search")
