"""A number for each text, such as a rating, or how alike two texts are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from tfapps.bundle.bundle import read_json, write_json
from tfapps.config.sections import Section
from tfapps.errors import InputError
from tfapps.metrics import intervals
from tfapps.metrics.intervals import Interval
from tfapps.printable import markdown
from tfapps.tasks import _texts, base
from tfapps.text.columns import Reading, Table

if TYPE_CHECKING:
    import keras

SCALE_FILE = "scale.json"
Examples = Sequence[dict[str, Any]]


class Config(Section):
    """`task:` of a regression run; the column of labels holds numbers.

    Attributes:
        dropout: before the last layer.
    """

    name: str = "regression"
    dropout: float = Field(default=0.1, ge=0.0, lt=1.0)


class Task(base.Task):
    """Numbers, learned in units of their standard deviation from their mean.

    The output `logits` (b, 1) is in these units, so that one learning rate fits every scale;
    answers and metrics are in those of the data.

    Example:
        >>> Task(Config(), mean=3.0, deviation=2.0).decode(np.array([[0.5]]))
        [{'number': 4.0}]
    """

    targets = ("label",)
    vector_layer = "head_dropout"
    headline = "pearson"
    activation = "linear"

    def __init__(self, config: Config, mean: float, deviation: float) -> None:
        super().__init__(config)
        self.mean, self.deviation = mean, deviation

    @classmethod
    def reading(cls, table: Table) -> Reading | None:
        """Return the columns of texts and numbers."""
        read = _texts.reading(table)
        if read is None or not table.columns[read["label"]].numeric:
            return None
        return Reading(0.5 if table.columns[read["label"]].kind == "numbers" else 0.1, read)

    @classmethod
    def learn(cls, config: Config, examples: Examples) -> Task:
        """Take mean and standard deviation from the training examples.

        Raises:
            InputError: a label that is not a number, or only one number.
        """
        if not {"text", "label"} <= examples[0].keys():
            raise InputError("regression needs texts with numbers; use another data.source")
        numbers = _numbers(examples)
        if numbers.min() == numbers.max():
            raise InputError(
                f"training data has one number only ({numbers[0]:g}), expected at least 2; check "
                "data.label, or give more varied rows"
            )
        return cls(config, float(numbers.mean()), float(numbers.std()))

    def texts(self, examples: Examples) -> list[str]:
        """Return the texts that a vocabulary is learned from."""
        return _texts.all_texts(examples)

    def save(self, folder: Path) -> None:
        """Write `scale.json`."""
        write_json(Path(folder) / SCALE_FILE, {"mean": self.mean, "deviation": self.deviation})

    @classmethod
    def load(cls, config: Config, folder: Path) -> Task:
        """Read what `save` wrote."""
        return cls(config, **read_json(Path(folder) / SCALE_FILE))

    def encode(
        self, examples: Examples, tokenizer: Any, max_length: int
    ) -> tuple[dict[str, Any], int]:
        """Turn examples into columns; the label column is left out where numbers are missing.

        Returns:
            token_ids and segment_ids, one ragged (t,) int32 a row, and the tokenizer's `surface`;
            label (rows,) float32 in standard deviations; and how many texts were cut.

        Raises:
            InputError: a label that is not a number.
        """
        columns, truncated = _texts.encode(examples, tokenizer, max_length)
        if all(example.get("label") is not None for example in examples):
            scaled = (_numbers(examples) - self.mean) / self.deviation
            columns["label"] = scaled.astype(np.float32)
        return columns, truncated

    def attach(self, encoder: keras.Model) -> keras.Model:
        """Put dropout and the head on the pooled state: (b, d) -> `logits` (b, 1)."""
        import keras

        from tfapps.layers.linear import Linear

        x = encoder.output["pooled"]
        x = keras.layers.Dropout(self.config.dropout, name=self.vector_layer)(x)
        x = Linear(1, name="head")(x)
        logits = keras.layers.Activation("linear", dtype="float32", name="logits")(x)
        return keras.Model(encoder.input, logits, name="regression")

    def loss(
        self, targets: dict[str, Any], logits: Any, *, label_smoothing: float = 0.0, **_: Any
    ) -> Any:
        """Return the squared error of each example, (b,), in squared standard deviations.

        Args:
            targets: label, (b,) float32.
            label_smoothing: share of the way from the truth to the mean.
        """
        from keras import ops

        target = ops.multiply(targets["label"], 1.0 - label_smoothing)
        return ops.square(ops.subtract(logits[:, 0], target))

    def predict_metrics(
        self, logits: np.ndarray, targets: dict[str, Any], examples: Examples = ()
    ) -> dict[str, float]:
        """Judge numbers: both correlations are 0 where all answers or all labels are alike."""
        from scipy.stats import rankdata

        answers, truth = np.float64(logits[:, 0]), np.float64(targets["label"])
        error = float(np.mean(np.square((answers - truth) * self.deviation)))
        return {
            "pearson": _correlation(answers, truth),
            "spearman": _correlation(rankdata(answers), rankdata(truth)),
            "rmse": math.sqrt(error),
            "mean_squared_error": error,
        }

    def interval(self, logits: np.ndarray, targets: Any, examples: Any = ()) -> Interval | None:
        """Return the 95 % interval of Pearson's correlation."""
        answers, truth = np.float64(logits[:, 0]), np.float64(targets["label"])
        return intervals.bootstrap(
            lambda rows: _correlation(answers[rows], truth[rows]), len(answers)
        )

    def trivial(self, columns: Mapping[str, Any], examples: Examples) -> tuple[str, np.ndarray]:
        """Return the mean of the training."""
        return f"{self.mean:.4g} for every text", np.zeros((len(examples), 1), np.float32)

    def decide(self, logits: np.ndarray, examples: Examples = ()) -> np.ndarray:
        """Return which numbers lie above the mean of the training, (rows,) bool."""
        return logits[:, 0] > 0

    def decode(self, logits: np.ndarray, examples: Examples = ()) -> list[dict[str, Any]]:
        """Turn logits (rows, 1) into answers `{"number"}`, without Keras or TensorFlow."""
        numbers = np.float64(logits[:, 0]) * self.deviation + self.mean
        return [{"number": float(f"{number:.6g}")} for number in numbers]

    def answering(self) -> dict[str, Any]:
        """Return the units of the output: `logits * deviation + mean` is the number."""
        units = {"activation": "linear", "mean": self.mean, "deviation": self.deviation}
        return {"outputs": {"logits": units}}

    def notes(
        self, logits: np.ndarray, targets: dict[str, Any], examples: Examples, limit: int = 20
    ) -> dict[str, str]:
        """Return a markdown table of the numbers that are furthest from the truth."""
        furthest = np.argsort(-np.abs(logits[:, 0] - targets["label"]), kind="stable")[:limit]
        answers = self.decode(logits)
        lines = ["| text | truth | answer |", "| --- | --- | --- |"]
        for row in furthest:
            text, truth = markdown(examples[row]["text"][:200]), float(examples[row]["label"])
            lines.append(f"| {text} | {truth:g} | {answers[row]['number']:g} |")
        return {"furthest": "\n".join(lines)}


def _numbers(examples: Examples) -> np.ndarray:
    """Return the labels as numbers, (rows,) float64."""
    numbers = []
    for example in examples:
        try:
            number = float(example["label"])
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise InputError(
                f"label {example['label']!r}: expected a number, such as 3.5; check data.label, or "
                "use task: {name: classification}"
            )
        numbers.append(number)
    return np.array(numbers)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return Pearson's correlation of two columns, (rows,) each."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
