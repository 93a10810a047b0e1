"""The test set: artefacts that passed verify are evaluated on it, once; it chooses nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfapps.data.corpora import Corpus
from tfapps.metrics.intervals import Interval
from tfapps.runs.held_out import HeldOut, held_out, rows_of
from tfapps.runs.outputs import judged
from tfapps.runs.prepared import Prepared

if TYPE_CHECKING:
    import keras

Example = Mapping[str, Any]
KEYS = ("test", "tested")  # of metrics.json


class Tested:
    """Figures of the artefacts of a run on its test set; none where it has no such set.

    Args:
        model: the Keras model that the artefacts are of.
    """

    def __init__(self, prepared: Prepared, model: keras.Model | None) -> None:
        self._metrics: dict[str, dict[str, float]] = {}
        self._notes: dict[str, dict[str, Any]] = {}
        self._held: HeldOut | None = None
        if "test" not in prepared.encoded or model is None:
            return
        task = prepared.task
        self._held = held_out(prepared, model, "test")
        rows, whole = prepared.rows["test"], rows_of(prepared, "test")
        self._rows = self._held.rows if task.reduces else whole
        self._repeated = 0 if isinstance(rows, Corpus) else _repeated(rows, prepared.rows["train"])
        known = f", {self._repeated} of them with a text that train holds too"
        print(f"testing keras on {whole} rows{known if self._repeated else ''}", flush=True)
        if task.reduces:  # in parts, so that memory has room for all rows
            answers = judged(prepared, model, "test")
            self._add("keras", task.predict_metrics(*answers), whole, task.interval(*answers))
        else:
            self._evaluate("keras", self._held.reference(False))

    def add(self, name: str, runner: Any) -> None:
        """Evaluate an artefact.

        Args:
            runner: features -> outputs.
        """
        if self._held is not None:
            print(f"testing {name} on {self._rows} rows", flush=True)
            self._evaluate(name, runner(self._held.features))

    def figures(self) -> dict[str, Any]:
        """Return what metrics.json holds of the test set: metrics, and rows with intervals."""
        return dict(zip(KEYS, (self._metrics, self._notes), strict=True)) if self._held else {}

    def _evaluate(self, name: str, outputs: Any) -> None:
        self._add(name, self._held.figures(outputs), self._rows, self._held.interval(outputs))

    def _add(
        self, name: str, metrics: dict[str, float], rows: int, interval: Interval | None
    ) -> None:
        self._metrics[name] = metrics
        self._notes[name] = {"rows": rows, "repeated": self._repeated, "interval": interval}


def _repeated(rows: Sequence[Example], train: Sequence[Example]) -> int:
    """Return how many rows have a text that is in train: a figure on them is too good."""
    known = {_text(row) for row in train}
    return sum(_text(row) in known for row in rows)


def _text(row: Example) -> tuple[Any, ...]:
    return row.get("text"), row.get("text_pair"), tuple(row.get("tokens") or ())
