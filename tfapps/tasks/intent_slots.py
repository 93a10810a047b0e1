"""Intents and slots: a label of the sentence and tags of its words, on one encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from tfapps.bundle.bundle import read_json, write_json
from tfapps.config.effects import ANSWERS
from tfapps.errors import InputError
from tfapps.metrics import intervals
from tfapps.metrics.intervals import Interval
from tfapps.metrics.probability import softmax
from tfapps.tasks import tagging
from tfapps.tasks._labels import check_seen, numbered
from tfapps.text.columns import Reading, Table

if TYPE_CHECKING:
    import keras

INTENTS_FILE = "intents.json"
Examples = tagging.Examples
Outputs = Mapping[str, np.ndarray]


class Config(tagging.Config):
    """`task:` of a run with intents and slots.

    Attributes:
        intent_weight: what the loss of the sentence's label counts, that of a word's tag being 1.
        unseen_intent: of a sentence whose intent training never saw, `wrong` says that no answer
            can be right; `refuse` takes it for a mistake in the data.
    """

    name: str = "intent_slots"
    intent_weight: float = Field(default=1.0, gt=0)
    unseen_intent: Annotated[Literal["refuse", "wrong"], ANSWERS] = "refuse"


class Task(tagging.Task):
    """Tags of words as in `tagging`, and beside them the label of the whole sentence.

    Source: Chen et al. 2019, "BERT for Joint Intent Classification and Slot Filling".
    """

    targets = ("label_ids", "label")
    heads = (*tagging.Task.heads, "intent_head")
    weight_column = None
    unit = "examples"
    headline = "frame_accuracy"

    def __init__(self, config: Config, labels: Sequence[str], intents: Sequence[str]) -> None:
        super().__init__(config, labels)
        self.intents = list(intents)
        self.outputs = ("logits", *(["transitions"] if config.crf else []), "intent")

    @classmethod
    def reading(cls, table: Table) -> Reading | None:
        """Return the columns of words, tags and labels of sentences, if it is asked for."""
        tagged = super().reading(table)
        if tagged is None or not tagged.data:
            return None
        return Reading(0.0, {**tagged.data, "label": table.label("labels")})

    @classmethod
    def probabilities(cls, config: Config) -> dict[str, str]:
        """Return what makes probabilities of tags and intents."""
        return {**super().probabilities(config), "intent": "softmax"}

    @classmethod
    def learn(cls, config: Config, examples: Examples) -> Task:
        """Take the labels of words and of sentences from the training examples.

        Raises:
            InputError: words without tags, sentences without a label, or all with the same one.
        """
        labels = tagging.Task.learn(config, examples).labels
        intents = sorted({example.get("label") or "" for example in examples})
        if len(intents) < 2:
            raise InputError(
                f"intent_slots needs sentences of several intents, got {len(intents)}; set "
                "data.label to the key that holds them"
            )
        return cls(config, labels, intents)

    def save(self, folder: Path) -> None:
        """Write `tags.json` and `intents.json`."""
        super().save(folder)
        write_json(Path(folder) / INTENTS_FILE, self.intents)

    @classmethod
    def load(cls, config: Config, folder: Path) -> Task:
        """Read what `save` wrote."""
        labels = read_json(Path(folder) / tagging.LABELS_FILE)
        return cls(config, labels, read_json(Path(folder) / INTENTS_FILE))

    def encode(
        self, examples: Examples, tokenizer: Any, max_length: int
    ) -> tuple[dict[str, Any], int]:
        """Turn windows into columns, as `tagging` does; and label (rows,) int32, -1 for
        an intent that training never saw.

        Raises:
            InputError: a label of a word or of a sentence that training never saw.
        """
        columns, lost = super().encode(examples, tokenizer, max_length)
        if "label_ids" in columns:
            intents = [window.get("label", "") for window in examples]
            if self.config.unseen_intent == "refuse":
                check_seen(intents, self.intents, "intent")
            numbers = numbered(self.intents)
            columns["label"] = np.array([numbers.get(name, -1) for name in intents], np.int32)
        return columns, lost

    def _heads(self, encoder: keras.Model) -> dict[str, Any]:
        """Return the heads of the words, and on the pooled state `intent` (b, c)."""
        import keras

        from tfapps.layers.linear import Linear

        pooled = keras.layers.Dropout(self.config.dropout, name="intent_dropout")(
            encoder.output["pooled"]
        )
        intent = Linear(len(self.intents), name="intent_head")(pooled)
        intent = keras.layers.Activation("linear", dtype="float32", name="intent")(intent)
        return {**super()._heads(encoder), "intent": intent}

    def loss(
        self, targets: dict[str, Any], outputs: Any, *, label_smoothing: float = 0.0, **more: Any
    ) -> Any:
        """Return the loss a word plus that of the sentence, (b,)."""
        from tfapps.metrics.cross_entropy import softmax_cross_entropy

        slots = super().loss(targets, outputs, label_smoothing=label_smoothing, **more)
        count = len(self.intents)
        intent = softmax_cross_entropy(outputs["intent"], targets["label"], count, label_smoothing)
        return slots + self.config.intent_weight * intent

    def trivial(self, columns: Mapping[str, Any], examples: Examples) -> tuple[str, Any]:
        """Return the most frequent intent, and no entity."""
        _, outputs = super().trivial(columns, examples)
        known = columns["label"][columns["label"] >= 0]
        intent = np.bincount(known, minlength=len(self.intents))
        likeliest = self.intents[intent.argmax()]
        outputs["intent"] = np.broadcast_to(intent, (len(examples), len(intent)))
        return f"{likeliest} and no entity for every text", outputs

    def decide(self, outputs: Outputs, examples: Examples) -> list[Any]:
        """Return the intent and the tags of the words of each sentence."""
        numbers = _of_sentences(outputs, examples).argmax(axis=-1)
        tags = self._tags(outputs, examples)
        return [(self.intents[n], slots) for n, slots in zip(numbers, tags, strict=True)]

    def predict_metrics(
        self, outputs: Outputs, targets: dict[str, Any], examples: Examples
    ) -> dict[str, float]:
        """Judge intents (`accuracy`), slots (`f1` and more), and both (`frame_accuracy`)."""
        decided = self.decide(outputs, examples)
        truth = list(zip(_intents(examples), self._truth(examples), strict=True))
        right = [(a[0] == b[0], a == b) for a, b in zip(decided, truth, strict=True)]
        intent, frame = np.mean(right, axis=0)
        figures = super().predict_metrics(outputs, targets, examples)
        return {"frame_accuracy": float(frame), "accuracy": float(intent), **figures}

    def interval(self, outputs: Outputs, targets: Any, examples: Examples) -> Interval | None:
        """Return the 95 % interval of the share of sentences that are right as a whole."""
        decided = self.decide(outputs, examples)
        truth = zip(_intents(examples), self._truth(examples), strict=True)
        right = [answer == wanted for answer, wanted in zip(decided, truth, strict=True)]
        return intervals.wilson(sum(right), len(right))

    def labels_without_rows(self, targets: dict[str, Any], examples: Examples) -> list[str]:
        """Return the labels of no entity, and the intents of no sentence."""
        intents = set(_intents(examples))
        missing = [intent for intent in self.intents if intent not in intents]
        return [*super().labels_without_rows(targets, examples), *missing]

    def decode(self, outputs: Outputs, examples: Examples) -> list[dict[str, Any]]:
        """Turn outputs into answers, without Keras or TensorFlow.

        Returns:
            `{"intent", "score", "entities": [...]}` a sentence, see `tagging`.
        """
        shares = softmax(_of_sentences(outputs, examples))
        answers = super().decode(outputs, examples)
        return [
            {"intent": self.intents[row.argmax()], "score": round(float(row.max()), 4), **answer}
            for row, answer in zip(shares, answers, strict=True)
        ]

    def answering(self) -> dict[str, Any]:
        """Return what a client makes tags and intents with."""
        answering = super().answering()
        intent = {"activation": "softmax", "labels": self.intents}
        return {**answering, "outputs": {**answering["outputs"], "intent": intent}}


def _of_sentences(outputs: Outputs, examples: Examples) -> np.ndarray:
    """Return the logits of the intent by the first window of each sentence, (sentences, c)."""
    numbers = [window["sentence"] for window in examples]
    return outputs["intent"][np.unique(numbers, return_index=True)[1]]


def _intents(examples: Examples) -> list[str]:
    return list({window["sentence"]: window["label"] for window in examples}.values())
