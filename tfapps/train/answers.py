"""What a model says about a batch, told apart by its outputs' names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfapps.features.arrays import each
from tfapps.metrics.divergence import divergence

TEACHER_LOGITS = "told_logits"  # a target column: what teachers said of a text once for all
# Of a CRF: how tags follow one another, the same for every text.
SHARED = ("transitions",)
TINY = 1e-9


def answer_divergence(
    task: Any, outputs: Any, reference: Any, features: dict[str, Any], heat: float = 1.0
) -> Any:
    """Divergence (b,) of `outputs` from `reference`, summed over outputs that differ by text.

    Args:
        task: its `activation` says how logits become probabilities.
        heat: temperature that both are divided by.
    """
    if not isinstance(outputs, dict):
        outputs, reference = {"": outputs}, {"": reference}
    activation = task.activation
    return sum(
        divergence(
            outputs[name] / heat,
            reference[name] / heat,
            activation,
            _places(outputs[name], features),
        )
        for name in sorted(outputs)
        if name not in SHARED
    )


def _places(logits: Any, features: dict[str, Any]) -> Any:
    """(b, t) that is 0 where logits (b, t, c) do not count; None where there are no places."""
    if len(logits.shape) < 3:
        return None
    # Hidden places of a text are told by their number, 0 behind the last; target ids likewise.
    for name in ("masked_places", "target_ids", "padding_mask"):
        if name in features:
            return features[name]
    return None


def mean_answer(task: Any, answers: Sequence[Any]) -> Any:
    """One answer of several: the logits of their mean probabilities, or the mean of numbers."""
    from keras import ops

    if len(answers) == 1:
        return each(ops.stop_gradient, answers[0])
    activation = task.activation

    def mean(*outputs: Any) -> Any:
        outputs = [ops.cast(output, "float32") for output in outputs]
        if activation == "linear":
            return ops.stop_gradient(sum(outputs) / len(outputs))
        if activation == "sigmoid":
            p = sum(ops.sigmoid(output) for output in outputs) / len(outputs)
            return ops.stop_gradient(ops.log(p + TINY) - ops.log(1 - p + TINY))
        p = sum(ops.softmax(output, axis=-1) for output in outputs) / len(outputs)
        return ops.stop_gradient(ops.log(p + TINY))

    return each(mean, *answers)
