"""Text classification: one label a text, or (multi_label) any number of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from tfapps.bundle.bundle import read_json, write_json
from tfapps.config.effects import ANSWERS
from tfapps.errors import InputError
from tfapps.metrics import classes
from tfapps.metrics.intervals import Interval
from tfapps.metrics.probability import sigmoid, softmax
from tfapps.tasks import _heads, _labels, _shown, _texts, base
from tfapps.tasks._labels import check_separated, encoded, natural, of_example

if TYPE_CHECKING:
    import keras

LABELS_FILE = "labels.json"
Examples = Sequence[dict[str, Any]]


class Config(_heads.Head):
    """`task:` of a classification run.

    Attributes:
        multi_label: a text may carry several labels or none; sigmoid instead of softmax.
        threshold: multi-label only, the probability from which a label is given.
        min_label_count: multi-label only, labels with fewer training rows are dropped from
            every split (and so are labels never seen in training, which are an error at 0).
        dropout: before the last layer.

    And those of its base, about the head.
    """

    name: str = "classification"
    threshold: Annotated[float, ANSWERS] = Field(default=0.5, gt=0.0, lt=1.0)
    min_label_count: int = Field(default=0, ge=0)
    dropout: float = Field(default=0.1, ge=0.0, lt=1.0)

    @model_validator(mode="after")
    def _multi_label_only(self) -> Config:
        if self.min_label_count and not self.multi_label:
            raise ValueError("min_label_count needs multi_label: true; remove one of the two")
        return self


class Task(base.Task):
    """What the labels are, how they are learned and judged, and how answers are written.

    Example:
        >>> Task(Config(), ["a", "b"]).decode(np.array([[2.0, 0.0]]))[0]["label"]
        'a'
    """

    classifies = comparable = True
    targets = ("label",)
    heads = (_heads.HEAD,)
    vector_layer = _heads.VECTOR
    reading = staticmethod(_labels.reading)

    def __init__(self, config: Config, labels: Sequence[str]) -> None:
        super().__init__(config)
        self.labels = list(labels)
        self.headline = "micro_f1" if config.multi_label else "accuracy"
        self.labels_of_outputs = None if config.multi_label else self.labels
        self.activation = "sigmoid" if config.multi_label else "softmax"

    @classmethod
    def probabilities(cls, config: Config) -> dict[str, str]:
        """Return what makes probabilities of the logits."""
        return {"logits": "sigmoid" if config.multi_label else "softmax"}

    @classmethod
    def one_label(cls, config: Config) -> bool:
        """Return whether each row has exactly one label."""
        return not config.multi_label

    @classmethod
    def ready(cls, config: Config) -> bool:
        """Return whether the head is set without training."""
        return config.start != "random"

    @classmethod
    def learn(cls, config: Config, examples: Examples) -> Task:
        """Take the label set from the training examples.

        Raises:
            InputError: fewer than two classes, or labels of the wrong kind for the task.
        """
        if not {"text", "label"} <= examples[0].keys():
            raise InputError("classification needs texts with labels; use another data.source")
        if config.multi_label and all(isinstance(row["label"], str) for row in examples):
            check_separated(row["label"] for row in examples)
        many = config.multi_label
        counts = Counter(label for row in examples for label in of_example(row, many))
        labels = [label for label, count in counts.items() if count >= config.min_label_count]
        if len(labels) < 2:
            raise InputError(
                f"training data has {len(labels)} class ({', '.join(labels) or 'none'}), expected "
                "at least 2; check data.label, or give more varied rows"
            )
        return cls(config, sorted(labels, key=natural))

    def texts(self, examples: Examples) -> list[str]:
        """Return the texts that a vocabulary is learned from."""
        return _texts.all_texts(examples)

    def save(self, folder: Path) -> None:
        """Write `labels.json`."""
        write_json(Path(folder) / LABELS_FILE, self.labels)

    @classmethod
    def load(cls, config: Config, folder: Path) -> Task:
        """Read what `save` wrote."""
        return cls(config, read_json(Path(folder) / LABELS_FILE))

    def encode(
        self, examples: Examples, tokenizer: Any, max_length: int
    ) -> tuple[dict[str, Any], int]:
        """Turn examples into columns; the label column is left out where labels are missing.

        Returns:
            token_ids and segment_ids, one ragged (t,) int32 a row, and the tokenizer's `surface`;
            label (rows,) int32 or (rows, classes) float32; and how many texts were cut.

        Raises:
            InputError: a label that training never saw.
        """
        columns, truncated = _texts.encode(examples, tokenizer, max_length)
        if all(example.get("label") is not None for example in examples):
            columns["label"] = self._encoded(examples)
        return columns, truncated

    def _encoded(self, examples: Examples) -> np.ndarray:
        config = self.config
        return encoded(examples, self.labels, config.multi_label, drop=config.min_label_count > 0)

    def attach(self, encoder: keras.Model) -> keras.Model:
        """Put dropout and the head on the pooled state: (b, d) -> `logits` (b, classes)."""
        import keras

        logits = _heads.logits(self.config, len(self.labels), encoder.output["pooled"])
        return keras.Model(encoder.input, logits, name="classification")

    def start_head(
        self, model: keras.Model, embed: Callable[..., Any], examples: Any, run: Any
    ) -> None:
        """Set the head from what the encoder makes of texts before it is trained, if asked to.

        Args:
            embed: examples -> vectors (n, d).
            examples: those of the training.
            run: the config.
        """
        config = self.config
        if config.start == "random":
            return
        label = np.arange(len(self.labels))
        if config.start == "descriptions":
            root = run.data_options.root
            texts = _heads.label_texts(config.descriptions, self.labels, root)
            examples = [{"text": text} for text in texts]
        else:
            label = self._encoded(examples)
        _heads.fill(config, model, embed(examples), label, len(self.labels))

    def loss(
        self,
        targets: dict[str, Any],
        logits: Any,
        *,
        label_smoothing: float = 0.0,
        class_weights: np.ndarray | None = None,
    ) -> Any:
        """Return the loss of each example, (b,): cross-entropy, or the mean binary one.

        Args:
            targets: label, (b,) int32 or (b, c) float32.
            label_smoothing: share of the truth given to all classes alike.
        """
        from tfapps.metrics.cross_entropy import sigmoid_cross_entropy, softmax_cross_entropy

        label = targets["label"]
        if self.config.multi_label:
            return sigmoid_cross_entropy(logits, label, label_smoothing, class_weights)
        each = softmax_cross_entropy(logits, label, len(self.labels), label_smoothing)
        if class_weights is None:
            return each
        from keras import ops

        return each * ops.take(ops.convert_to_tensor(class_weights, "float32"), label)

    def class_weights(self, targets: dict[str, np.ndarray]) -> np.ndarray:
        """Return (c,) weights that make every class count alike, 1 on average over the rows.

        Args:
            targets: the training columns: label, (rows,) or (rows, c).
        """
        return classes.balanced_weights(targets["label"], len(self.labels))

    def trivial(self, columns: Mapping[str, Any], examples: Examples) -> tuple[str, np.ndarray]:
        """Return the most frequent label, or the frequent labels with the best F1 together."""
        from tfapps.metrics.classes import frequent

        always = frequent(columns["label"], len(self.labels))
        logits = np.full(len(self.labels), -20.0, np.float32)
        logits[always] = 20.0
        answer = f"{', '.join(self.labels[i] for i in always)} for every text"
        return answer, np.tile(logits, (len(examples), 1))

    def decide(self, logits: np.ndarray, examples: Examples = ()) -> np.ndarray:
        """Return the answer of each row: (rows,) class number, or (rows, c) 0/1."""
        if self.config.multi_label:
            return (sigmoid(logits) >= self.config.threshold).astype(np.int32)
        return logits.argmax(axis=-1)

    def predict_metrics(
        self, logits: np.ndarray, targets: dict[str, Any], examples: Examples = ()
    ) -> dict[str, float]:
        """Judge logits (rows, c) against targets: the figures of metrics.json."""
        probability = sigmoid(logits) if self.config.multi_label else softmax(logits)
        return classes.scores(targets["label"], self.decide(logits), probability)

    def interval(self, logits: np.ndarray, targets: Any, examples: Any = ()) -> Interval | None:
        """Return the 95 % interval of the accuracy or (multi-label) of `micro_f1`."""
        return classes.interval(targets["label"], self.decide(logits))

    def report(
        self, logits: np.ndarray, targets: dict[str, Any], examples: Examples = ()
    ) -> tuple[dict[str, Any], str]:
        """Return precision, recall, F1 and support of every class, as data and as text."""
        return _shown.report(targets["label"], self.decide(logits), self.labels)

    def labels_without_rows(self, targets: dict[str, Any], examples: Examples = ()) -> list[str]:
        """Return the labels that no row has: nothing is said of them by the figures."""
        return classes.without_rows(targets["label"], self.labels)

    def pictures(
        self, logits: np.ndarray, targets: dict[str, Any], examples: Examples = ()
    ) -> dict[str, bytes]:
        """Draw the confusion matrix (or, multi-label, the F1 of the frequent labels) as PNG."""
        truth, predicted = targets["label"], self.decide(logits)
        return _shown.pictures(truth, predicted, self.labels, self.config.multi_label)

    def notes(
        self, logits: np.ndarray, targets: dict[str, Any], examples: Examples, limit: int = 20
    ) -> dict[str, str]:
        """Return a markdown table of the wrong answers given with most confidence."""
        answers, wrong = self.decode(logits), self.decide(logits) != targets["label"]
        truth = [of_example(example, self.config.multi_label) for example in examples]
        return {"mistakes": _shown.mistakes(answers, wrong, truth, examples, limit)}

    def decode(self, logits: np.ndarray, examples: Examples = ()) -> list[dict[str, Any]]:
        """Turn logits (rows, c) into answers, without Keras or TensorFlow.

        Returns `{"label", "score", "top": [[label, score] x 3]}` a row, or for multi-label
        `{"labels": [...], "scores": [...]}`.
        """
        if self.config.multi_label:
            return [
                _shown.several(row, self.labels, self.config.threshold) for row in sigmoid(logits)
            ]
        answers = []
        for row in softmax(logits):
            best = np.argsort(-row, kind="stable")[:3]
            top = [[self.labels[i], round(float(row[i]), 4)] for i in best]
            answers.append({"label": top[0][0], "score": top[0][1], "top": top})
        return answers

    def answering(self) -> dict[str, Any]:
        """Return what a client makes answers with; multi-label, the `threshold` too."""
        threshold = {"threshold": self.config.threshold} if self.config.multi_label else {}
        return {**super().answering(), **threshold}
