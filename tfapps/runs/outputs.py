"""What a model in hand says on a split: logits, or translations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    if prepared.task.form == "seq2seq":
        from tfapps.forms import greedy, translator

        config, how = prepared.config, prepared.task.search(final)
        how = greedy.greedy(how) if likeliest else how
        return translator.of_model(config, prepared.task, model, how)(prepared.arrays(split))
    return logits_of(prepared, model, split)


def judged(prepared: Prepared, model: keras.Model, split: str, **how: bool) -> tuple[Any, ...]:
    """Return what a task judges: outputs, targets, examples.

    Args:
        how: as for `outputs_of`.
    """
    outputs = outputs_of(prepared, model, split, **how)
    return outputs, prepared.targets(split), prepared.examples[split]


def logits_of(prepared: Prepared, model: keras.Model, split: str) -> Any:
    """Return the model's logits on a split, (rows, ...), in row order, or what the task keeps."""
    from tfapps.train.forward import predict
    from tfapps.train.strategy import replicas

    batches = prepared.evaluation_batches(split, replicas())
    task = prepared.task
    return predict(model, batches, reduce=task.reduce if task.reduces else None)
