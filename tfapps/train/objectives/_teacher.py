"""Another model's answers as part of the loss, around any objective."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TARGET = "teacher_logits"  # a target column beside the task's own


def taught(objective: Callable[..., tuple[Any, Any]], share: float) -> Callable[..., Any]:
    """`objective` with `share` of its loss replaced by the distance to the teacher's logits.

    The mean squared difference of logits serves every task (Ba and Caruana 2014, "Do Deep Nets
    Really Need to be Deep?"). The teacher's logits come with the batch: it ran once, before.
    """

    def with_teacher(
        model: Any, features: dict[str, Any], targets: dict[str, Any], training: bool
    ) -> tuple[Any, Any]:
        from keras import ops

        loss, logits = objective(model, features, targets, training=training)
        square = ops.square(ops.subtract(ops.cast(logits, "float32"), targets[TARGET]))
        distance = ops.mean(square, axis=tuple(range(1, len(square.shape))))
        return (1.0 - share) * loss + share * distance, logits

    return with_teacher
