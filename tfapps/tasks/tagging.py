"""Tagging: entities (persons, places, ...) among the words of a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from tfapps.bundle.bundle import read_json, write_json
from tfapps.config.sections import Section
from tfapps.decoding import viterbi
from tfapps.errors import InputError
from tfapps.metrics import entities
from tfapps.metrics.intervals import Interval
from tfapps.metrics.probability import softmax
from tfapps.tasks import _entities, _windows, base
from tfapps.tasks._labels import check_seen
from tfapps.tasks.base import logits_of
from tfapps.text import tags as schemes
from tfapps.text.columns import Reading, Table

if TYPE_CHECKING:
    import keras

LABELS_FILE = "tags.json"
Examples = Sequence[dict[str, Any]]
Outputs = np.ndarray | Mapping[str, np.ndarray]


class Config(Section):
    """`task:` of a tagging run.

    Attributes:
        crf: judge the tags of a sentence together, by which of them follow which.
        scheme: tags that are learned; `bioes` marks the end of an entity as well as its start.
        split: what the words of a plain text are; `characters` for Chinese and the like.
        context: pieces of the neighbouring sentences of a document that a sentence is read with,
            on either side.
        dropout: before the last layer.
    """

    name: str = "tagging"
    crf: bool = False
    scheme: Literal["iob2", "bioes"] = "iob2"
    split: Literal["words", "characters"] = "words"
    context: int = Field(default=0, ge=0)
    dropout: float = Field(default=0.1, ge=0.0, lt=1.0)


class Task(base.Task):
    """How words are labelled by their first pieces, and how labels become entities."""

    tags_words = True
    targets = ("label_ids",)
    heads = ("head", "crf")
    weight_column = unit = "words"
    headline = "f1"

    def __init__(self, config: Config, labels: Sequence[str]) -> None:
        super().__init__(config)
        self.labels = list(labels)
        self.tags = [schemes.OUTSIDE]
        for label in self.labels:
            prefixes = "BI" if config.scheme == "iob2" else "BIES"
            self.tags += [f"{prefix}-{label}" for prefix in prefixes]
        self.outputs = ("logits", "transitions") if config.crf else ("logits",)
        self._number = {tag: number for number, tag in enumerate(self.tags)}
        pairs, starts, ends = schemes.allowed(self.tags)
        self.allowed = np.array([*pairs, starts, ends])  # (k + 2, k)

    @classmethod
    def reading(cls, table: Table) -> Reading | None:
        """Return the columns of words and tags, where the config must name them."""
        names = table.lists()
        if table.tagged or names is None:
            return Reading(1.0, {}) if table.tagged else None
        return Reading(0.9, {"source": "tagged", "tokens": names[0], "tags": names[1]})

    @classmethod
    def probabilities(cls, config: Config) -> dict[str, str]:
        """Return what makes probabilities of the logits; a CRF judges tags together."""
        return {} if config.crf else {"logits": "softmax"}

    @classmethod
    def learn(cls, config: Config, examples: Examples) -> Task:
        """Take the labels from the training examples.

        Raises:
            InputError: no tagged words, or not a single entity.
        """
        if examples[0].get("tags") is None:
            raise InputError(
                "tagging needs words with tags, got texts; use data.source: conll or tagged"
            )
        labels = {span.label for example in examples for span in schemes.spans(example["tags"])}
        if not labels:
            raise InputError(
                "training data has no entity, every tag is O; check which column holds the tags"
            )
        return cls(config, sorted(labels))

    def texts(self, examples: Examples) -> list[list[str]]:
        """Return what a vocabulary is learned from: the words of each sentence."""
        return [example["tokens"] for example in examples]

    def save(self, folder: Path) -> None:
        """Write `tags.json`."""
        write_json(Path(folder) / LABELS_FILE, self.labels)

    @classmethod
    def load(cls, config: Config, folder: Path) -> Task:
        """Read what `save` wrote."""
        return cls(config, read_json(Path(folder) / LABELS_FILE))

    def expand(self, examples: Examples, tokenizer: Any, max_length: int) -> Examples:
        """Turn sentences into the windows that everything else here takes as examples."""
        unit, context = self.config.split, self.config.context
        return _windows.cut(examples, tokenizer, max_length, unit=unit, context=context)

    def encode(
        self, examples: Examples, tokenizer: Any, max_length: int
    ) -> tuple[dict[str, Any], int]:
        """Turn windows into columns, those of the targets left out where tags are missing.

        Returns:
            token_ids, segment_ids (t,); label_ids (t,), the number of its tag plus 1 at the first
            piece of each word, else 0; words (rows,) float32, how many; and 0, as nothing is lost.

        Raises:
            InputError: an entity of a label that training never saw.
        """
        columns = _windows.columns(examples, tokenizer, max_length)
        token_ids = columns["token_ids"]
        if all(window.get("tags") is not None for window in examples):
            pairs = zip(examples, token_ids, strict=True)
            columns["label_ids"] = [self._label_ids(window, len(ids)) for window, ids in pairs]
            counts = [len(window["places"]) for window in examples]
            columns["words"] = np.array(counts, np.float32)
        return columns, 0

    def _label_ids(self, window: Mapping[str, Any], length: int) -> np.ndarray:
        tags = window["tags"]
        if self.config.scheme == "bioes":
            tags = schemes.to_bioes(tags)
        check_seen((schemes.split(tag)[1] for tag in tags if tag not in self._number), self.labels)
        label_ids = np.zeros(length, np.int32)
        label_ids[window["places"]] = [self._number[tag] + 1 for tag in tags]
        return label_ids

    def attach(self, encoder: keras.Model) -> keras.Model:
        """Put the heads on: `logits` (b, t, k), with `transitions` of a CRF beside them."""
        import keras

        outputs = self._heads(encoder)
        single = len(outputs) == 1
        return keras.Model(encoder.input, outputs["logits"] if single else outputs, name="tagging")

    def _heads(self, encoder: keras.Model) -> dict[str, Any]:
        """Apply dropout and a linear layer to the states (b, t, d), and a CRF."""
        import keras

        from tfapps.layers.crf import CRF
        from tfapps.layers.linear import Linear

        states = keras.layers.Dropout(self.config.dropout, name="head_dropout")(
            encoder.output["sequence"]
        )
        logits = Linear(len(self.tags), name="head")(states)
        logits = keras.layers.Activation("linear", dtype="float32", name="logits")(logits)
        if not self.config.crf:
            return {"logits": logits}
        logits, transitions = CRF(dtype="float32", name="crf")(logits)
        return {"logits": logits, "transitions": transitions}

    def loss(
        self, targets: dict[str, Any], outputs: Any, *, label_smoothing: float = 0.0, **_: Any
    ) -> Any:
        """Return the loss a word of each row, (b,): cross-entropy, or that of the whole path.

        Args:
            label_smoothing: without `crf`, share of the truth given to all tags alike.
        """
        from tfapps.layers.crf import word_loss
        from tfapps.metrics.cross_entropy import sequence_cross_entropy

        label_ids = targets["label_ids"]
        if self.config.crf:
            return word_loss(outputs["logits"], outputs["transitions"], label_ids, self.allowed)
        return sequence_cross_entropy(logits_of(outputs), label_ids, label_smoothing, first=1)

    def trivial(self, columns: Mapping[str, Any], examples: Examples) -> tuple[str, Any]:
        """Return that no word is part of an entity."""
        length = 1 + max((max(window["places"], default=0) for window in examples), default=0)
        outside = np.eye(len(self.tags), dtype=np.float32)[0]
        logits = np.broadcast_to(outside, (len(examples), length, len(self.tags)))
        transitions = np.zeros((1, len(self.tags) + 2, len(self.tags)), np.float32)
        return "no entity in any text", {"logits": logits, "transitions": transitions}

    def decide(self, outputs: Outputs, examples: Examples) -> list[Any]:
        """Return what is answered for each sentence: the tags of its words, in IOB2."""
        return self._tags(outputs, examples)

    def _tags(self, outputs: Outputs, examples: Examples) -> list[list[str]]:
        scores = self._scores(outputs, examples)
        return [self._iob2(self._numbers(logits, outputs)) for logits in scores]

    def predict_metrics(
        self, outputs: Outputs, targets: dict[str, Any], examples: Examples
    ) -> dict[str, float]:
        """Judge the tags of all sentences: entities, and words."""
        return entities.scores(self._truth(examples), self._tags(outputs, examples))

    def interval(self, outputs: Outputs, targets: Any, examples: Examples) -> Interval | None:
        """Return the 95 % interval of the F1 of entities."""
        return entities.interval(self._truth(examples), self._tags(outputs, examples))

    def report(
        self, outputs: Outputs, targets: dict[str, Any], examples: Examples
    ) -> tuple[dict[str, Any], str]:
        """Return precision, recall, F1 and support of labels and tags, as data and as text."""
        report = entities.report(self._truth(examples), self._tags(outputs, examples))
        return report, entities.report_text(report, self.labels)

    def labels_without_rows(self, targets: dict[str, Any], examples: Examples) -> list[str]:
        """Return the labels of no entity: nothing is said of them by the figures."""
        labels = {span.label for tags in self._truth(examples) for span in schemes.spans(tags)}
        return [label for label in self.labels if label not in labels]

    def pictures(
        self, outputs: Outputs, targets: dict[str, Any], examples: Examples
    ) -> dict[str, bytes]:
        """Draw the F1 of the labels as PNG."""
        from tfapps.metrics.pictures import f1_bars_png

        report = entities.report(self._truth(examples), self._tags(outputs, examples))["entities"]
        rows = {label: report[label] for label in self.labels if report.get(label)}
        return {"f1_by_label": f1_bars_png(rows, self.labels)}

    def notes(
        self, outputs: Outputs, targets: dict[str, Any], examples: Examples, limit: int = 20
    ) -> dict[str, str]:
        """Return a markdown table of the first sentences with a wrong entity."""
        truth, predicted = self._truth(examples), self._tags(outputs, examples)
        mistakes = _entities.mistakes(_windows.sentences(examples), truth, predicted, limit)
        return {"mistakes": mistakes}

    def decode(self, outputs: Outputs, examples: Examples) -> list[dict[str, Any]]:
        """Turn outputs into answers, without Keras or TensorFlow.

        Returns:
            `{"entities": [{"text", "label", "start", "end", "score"}]}` a sentence: offsets are
            characters of its text, the score is the mean probability of the tags.
        """
        answers = []
        rows = zip(_windows.texts(examples), self._scores(outputs, examples), strict=True)
        for text, logits in rows:
            numbers = self._numbers(logits, outputs)
            shares = self._probabilities(logits, outputs)[np.arange(len(numbers)), numbers]
            answers.append({"entities": _entities.answers(*text, self._iob2(numbers), shares)})
        return answers

    def answering(self) -> dict[str, Any]:
        """Return what a client makes tags with; `crf` says that it needs the search for them."""
        outputs = {"logits": {"activation": "softmax", "labels": self.tags}}
        return {"outputs": outputs, **self.config.model_dump(include={"scheme", "split", "crf"})}

    def _scores(self, outputs: Outputs, examples: Examples) -> list[np.ndarray]:
        """Return the logits of the words of each sentence, (words, k)."""
        logits = logits_of(outputs)
        rows = [row[window["places"]] for row, window in zip(logits, examples, strict=True)]
        sentences = _windows.stitched(examples, rows)
        return [np.array(rows, np.float32).reshape(-1, len(self.tags)) for rows in sentences]

    def tag_numbers(self, outputs: Outputs, examples: Examples) -> list[np.ndarray]:
        """Return the best path of each window by itself: numbers of tags, (words,) each."""
        rows = zip(logits_of(outputs), examples, strict=True)
        return [self._numbers(row[window["places"]], outputs) for row, window in rows]

    def _numbers(self, logits: np.ndarray, outputs: Outputs) -> np.ndarray:
        """Return the number of the tag of each word, (words,)."""
        if not len(logits) or not self.config.crf:
            return logits.argmax(axis=-1)
        return viterbi.best_path(logits, outputs["transitions"][0], self.allowed)

    def _probabilities(self, logits: np.ndarray, outputs: Outputs) -> np.ndarray:
        """Return the probability of each tag of each word, (words, k)."""
        if not len(logits) or not self.config.crf:
            return softmax(logits)
        return viterbi.marginals(logits, outputs["transitions"][0], self.allowed)

    def _iob2(self, numbers: np.ndarray) -> list[str]:
        return schemes.to_iob2([self.tags[number] for number in numbers], "iob2")

    def _truth(self, examples: Examples) -> list[list[str]]:
        return _windows.stitched(examples, [window["tags"] for window in examples])
