"""How a task judges outputs and turns them into metrics and answers, in numpy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapps.metrics.intervals import Interval

if TYPE_CHECKING:
    import keras


class Judging(ABC):
    """The hooks of a task that read outputs; `tfapps.tasks.base.Task` holds the others."""

    @abstractmethod
    def predict_metrics(
        self, outputs: Any, targets: dict[str, Any], examples: Any
    ) -> dict[str, float]:
        """Return the metrics of metrics.json, the headline among them.

        Args:
            outputs: logits (b, ...), a dictionary of several outputs, what `reduce` returned, or
                for `seq2seq` the answers that the search found for each row.
            targets: dense columns.
        """

    def interval(self, outputs: Any, targets: Any, examples: Any) -> Interval | None:
        """Return the 95 % interval of the headline metric, see `tfapps.metrics.intervals`.

        None where there is none, which is the default.
        """
        return None

    def trivial(self, columns: Mapping[str, Any], examples: Any) -> tuple[str, Any] | None:
        """Return the answer that reads no text, in words and as outputs; None if there is none.

        A run whose headline metric is no better has learned nothing, and says so.

        Args:
            columns: those of the training, from which the answer is taken.
            examples: what the outputs are of.
        """
        return None

    def decide(self, outputs: Any, examples: Any) -> Any:
        """Return the predictions that `verify` compares, an array or a list with one an example."""
        return logits_of(outputs).argmax(axis=-1)

    def tag_numbers(self, outputs: Any, examples: Any) -> list[np.ndarray]:
        """Return the numbers of the tags of each example, (words,) each; see `tags_words`."""
        raise NotImplementedError(f"{type(self).__module__}: tags_words, but has no tag_numbers")

    @abstractmethod
    def decode(self, outputs: Any, examples: Any) -> list[dict[str, Any]]:
        """Turn outputs into the answers that people read, one for each text."""

    @classmethod
    def probabilities(cls, config: Any) -> dict[str, str]:
        """Return the outputs that have probabilities: {name: `softmax` or `sigmoid`} of logits."""
        return {}

    def answering(self) -> dict[str, Any]:
        """Return what clients make answers with, for files: `outputs` by name, and more."""
        return {"outputs": {"logits": {"activation": self.activation, "labels": [*self.labels]}}}

    def report(
        self, outputs: Any, targets: dict[str, Any], examples: Any
    ) -> tuple[dict[str, Any], str]:
        """Return details for report.json and report.txt; by default the metrics."""
        metrics = self.predict_metrics(outputs, targets, examples)
        return metrics, "".join(f"{name} {value:.4f}\n" for name, value in metrics.items())

    def pictures(self, outputs: Any, targets: dict[str, Any], examples: Any) -> dict[str, bytes]:
        """Return PNG pictures by name, for the bundle and TensorBoard."""
        return {}

    def notes(
        self, outputs: Any, targets: dict[str, Any], examples: Any, limit: int = 20
    ) -> dict[str, str]:
        """Return markdown by name for TensorBoard; texts go through `tfapps.printable`."""
        return {}

    def labels_without_rows(self, targets: dict[str, Any], examples: Any) -> list[str]:
        """Return the labels that no row has, for the log."""
        return []

    def projection(self, model: keras.Model) -> tuple[np.ndarray, list[str]] | None:
        """Return vectors (v, d) and their names for TensorBoard's projector; None for none."""
        return None

    def attention_png(self, outputs: Any, examples: Any) -> bytes | None:
        """Draw the attention of the first answer as PNG; None if there is none to draw."""
        return None


def logits_of(outputs: Any) -> Any:
    """Return the logits among outputs: the only output, or one of several."""
    return outputs["logits"] if isinstance(outputs, Mapping) else outputs
