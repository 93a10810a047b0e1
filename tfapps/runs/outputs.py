"""Outputs of a Keras model on a split: logits or translations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapps import registry
from tfapps.assembly.assemble import form_of
from tfapps.features.arrays import map_arrays
from tfapps.features.padding import LOGITS
from tfapps.runs.prepared import Prepared

if TYPE_CHECKING:
    import keras

AT_ONCE = 1024  # rows whose loss is computed together: bounds the memory of a CRF


def outputs_of(
    prepared: Prepared,
    model: keras.Model,
    split: str,
    *,
    final: bool = True,
    likeliest: bool = False,
) -> Any:
    """Return the outputs of a split in row order, as the task reads them.

    Args:
        final: False at the end of an epoch, where a search may be narrower.
        likeliest: take the likeliest token each time, as files do that search by themselves.
    """
    if not registry.plugin("form", prepared.task.form).searches:
        return logits_of(prepared, model, split)  # in batches over all devices
    translator = form_of(model, prepared.config, prepared.task)
    return translator(prepared.arrays(split), final=final, likeliest=likeliest)


def judged(prepared: Prepared, model: keras.Model, split: str, **options: bool) -> tuple[Any, ...]:
    """Return what a task judges: outputs, targets, examples.

    Args:
        options: as for `outputs_of`.
    """
    outputs = outputs_of(prepared, model, split, **options)
    return outputs, prepared.targets(split), prepared.examples[split]


def logits_of(prepared: Prepared, model: keras.Model, split: str) -> Any:
    """Return the model's logits on a split, (rows, ...), in row order, or what the task keeps."""
    from tfapps.train.forward import predict
    from tfapps.train.strategy import replicas

    batches = prepared.evaluation_batches(split, replicas())
    task = prepared.task
    return predict(model, batches, reduce=task.reduce if task.reduces else None)


def loss_of(prepared: Prepared, outputs: Any, targets: Mapping[str, Any], split: str) -> Any:
    """Return the mean loss of a split as in training, without smoothing and class weights.

    Args:
        outputs, targets: of `judged`.

    Returns:
        A float; None if the outputs are no logits, but the answers of a search, or reduced.
    """
    task = prepared.task
    if registry.plugin("form", task.form).searches or task.reduces:
        return None
    rows = np.arange(len(prepared.encoded[split]))
    label = targets.get("label")
    if isinstance(label, np.ndarray) and label.ndim == 1 and label.dtype.kind == "i":
        rows = rows[label >= 0]  # less is a label that training never saw
    weights = np.ones(len(rows))
    if task.weight_column is not None:
        weights = np.asarray(prepared.encoded[split].columns[task.weight_column])[rows]
    losses = []
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]
        logits = map_arrays(lambda array, part=part: array[part], outputs)
        losses.append(np.asarray(task.loss(_padded(targets, part, logits), logits)))
    if not weights.sum():
        return None
    return float(np.average(np.concatenate(losses), weights=weights))


def _padded(targets: Mapping[str, Any], rows: np.ndarray, logits: Any) -> dict[str, np.ndarray]:
    """Return rows of targets, those of tokens as long as the logits (b, t, k)."""
    columns = {}
    for name, column in targets.items():
        if isinstance(column, np.ndarray):
            columns[name] = column[rows]
            continue
        length = (logits[LOGITS] if isinstance(logits, dict) else logits).shape[1]
        columns[name] = np.zeros((len(rows), length), np.int32)
        for place, row in enumerate(rows):
            columns[name][place, : len(column[row])] = column[row]
    return columns
