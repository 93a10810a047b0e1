"""Outputs of a Keras model on a split: logits or translations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfapps import registry
from tfapps.assembly.assemble import form_of
from tfapps.runs.prepared import Prepared

if TYPE_CHECKING:
    import keras


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
