"""The dev set as artefacts are judged on it: all of it, or as many rows as memory has room for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapps.features.arrays import map_arrays
from tfapps.runs.outputs import outputs_of
from tfapps.runs.prepared import Prepared

if TYPE_CHECKING:
    import keras

SAMPLE = 64  # rows, where each has logits for a whole vocabulary at many places


@dataclass(frozen=True)
class Dev:
    """The dev set, as verify needs it.

    Attributes:
        features: {name: (rows, ...)}, what an artefact is given.
        reference: what the Keras model says of them; True takes the likeliest token each time.
        figures: outputs -> the task's metrics.
        decide: outputs -> the task's decisions.
    """

    rows: int
    features: Mapping[str, np.ndarray]
    reference: Callable[[bool], Any]
    figures: Callable[[Any], dict[str, float]]
    decide: Callable[[Any], Any]


def dev(prepared: Prepared, model: keras.Model) -> Dev:
    """Return the dev set of a run."""
    task, examples = prepared.task, prepared.examples["dev"]
    decide = functools.partial(task.decide, examples=examples)
    if task.reduces:
        return _sample(prepared, model, decide)
    targets = prepared.targets("dev")

    @functools.cache
    def reference(likeliest: bool) -> Any:
        return outputs_of(prepared, model, "dev", likeliest=likeliest)

    features = prepared.arrays("dev")
    if task.tags_words:  # logits of all places, up to the end of the longest row
        logits = reference(False)
        length = (logits["logits"] if isinstance(logits, dict) else logits).shape[1]
        features = {name: column[:, :length] for name, column in features.items()}

    def figures(outputs: Any) -> dict[str, float]:
        return task.predict_metrics(outputs, targets, examples)

    return Dev(len(examples), features, reference, figures, decide)


def _sample(prepared: Prepared, model: keras.Model, decide: Callable[[Any], Any]) -> Dev:
    task = prepared.task
    rows = np.arange(min(SAMPLE, len(prepared.encoded["dev"])))
    features, targets = prepared.samples("dev", rows)

    @functools.cache
    def reference(likeliest: bool) -> Any:
        return map_arrays(np.asarray, model.predict_on_batch(features))

    def figures(outputs: Any) -> dict[str, float]:
        reduced = map_arrays(np.asarray, task.reduce(targets, outputs))
        return task.predict_metrics(reduced, targets, ())

    return Dev(len(rows), features, reference, figures, decide)
