"""Compare and average the outputs of models on a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfapps.features.arrays import map_arrays
from tfapps.metrics.divergence import divergence

TEACHER_LOGITS = "told_logits"  # a target column: the teachers' logits for each text
# Transitions of a CRF are the same for every text.
SHARED = ("transitions",)
TINY = 1e-9


def answer_divergence(
    task: Any, outputs: Any, reference: Any, features: dict[str, Any], heat: float = 1.0
) -> Any:
    """Return the divergence (b,) of `outputs` from `reference`, summed over outputs of each text.

    Args:
        task: its `activation` says how logits become probabilities.
        heat: temperature; both logits are divided by it.
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
    """Return (b, t), 0 where logits (b, t, c) do not count; None for logits (b, c)."""
    if len(logits.shape) < 3:
        return None
    # `masked_places` and `target_ids` are padded with 0.
    for name in ("masked_places", "target_ids", "padding_mask"):
        if name in features:
            return features[name]
    return None


def mean_answer(task: Any, answers: Sequence[Any]) -> Any:
    """Return the logits of the answers' mean probabilities, or the mean of numbers."""
    from keras import ops

    if len(answers) == 1:
        return map_arrays(ops.stop_gradient, answers[0])
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

    return map_arrays(mean, *answers)
