"""Dev or test set as artefacts are judged on it: all, or as many rows as memory has room for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapps.data.corpora import Corpus
from tfapps.features.arrays import map_arrays
from tfapps.runs.outputs import outputs_of
from tfapps.runs.prepared import Prepared

if TYPE_CHECKING:
    import keras

SAMPLE = 64  # rows, where each has logits for a whole vocabulary at many places


@dataclass(frozen=True)
class HeldOut:
    """A set of rows, as verify needs it.

    Attributes:
        rows: of the set, as the task takes them.
        features: {name: (rows, ...)}, what an artefact is given.
        reference: what the Keras model says of them; True takes the likeliest token each time.
        figures: outputs -> the task's metrics.
        interval: outputs -> the 95 % interval of the headline metric, or None.
        decide: outputs -> the task's decisions.
    """

    rows: int
    features: Mapping[str, np.ndarray]
    reference: Callable[[bool], Any]
    figures: Callable[[Any], dict[str, float]]
    interval: Callable[[Any], tuple[float, float] | None]
    decide: Callable[[Any], Any]


def rows_of(prepared: Prepared, split: str) -> int:
    """Return the number of rows of a split; a sentence of several windows is one."""
    rows = prepared.rows[split]
    return len(prepared.encoded[split]) if isinstance(rows, Corpus) else len(rows)


def held_out(prepared: Prepared, model: keras.Model, split: str) -> HeldOut:
    """Return the dev or test set of a run."""
    task, examples = prepared.task, prepared.examples[split]
    decide = functools.partial(task.decide, examples=examples)
    if task.reduces:
        return _sample(prepared, model, split, decide)
    targets = prepared.targets(split)

    @functools.cache
    def reference(likeliest: bool) -> Any:
        return outputs_of(prepared, model, split, likeliest=likeliest)

    features = prepared.arrays(split)
    if task.tags_words:  # logits of all places, up to the end of the longest row
        logits = reference(False)
        length = (logits["logits"] if isinstance(logits, dict) else logits).shape[1]
        features = {name: column[:, :length] for name, column in features.items()}

    def figures(outputs: Any) -> dict[str, float]:
        return task.predict_metrics(outputs, targets, examples)

    def interval(outputs: Any) -> tuple[float, float] | None:
        return task.interval(outputs, targets, examples)

    return HeldOut(len(examples), features, reference, figures, interval, decide)


def _sample(
    prepared: Prepared, model: keras.Model, split: str, decide: Callable[[Any], Any]
) -> HeldOut:
    task = prepared.task
    rows = np.arange(min(SAMPLE, len(prepared.encoded[split])))
    features, targets = prepared.samples(split, rows)

    @functools.cache
    def reference(likeliest: bool) -> Any:
        return map_arrays(np.asarray, model.predict_on_batch(features))

    def figures(outputs: Any) -> dict[str, float]:
        reduced = map_arrays(np.asarray, task.reduce(targets, outputs))
        return task.predict_metrics(reduced, targets, ())

    def interval(outputs: Any) -> tuple[float, float] | None:
        return task.interval(map_arrays(np.asarray, task.reduce(targets, outputs)), targets, ())

    return HeldOut(len(rows), features, reference, figures, interval, decide)
