"""Distillation losses: distances to a teacher's logits and hidden states."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from tfapps.errors import InputError
from tfapps.features.arrays import as_list, map_arrays
from tfapps.printable import shortened

TARGET = "teacher_logits"  # a target column beside the task's own
SHOWN = 12


def with_logits_of_teacher(
    objective: Callable[..., tuple[Any, Any]], share: float, teacher: Any = None
) -> Callable[..., Any]:
    """Return `objective` with `share` of its loss replaced by the distance to the teacher's logits.

    The mean squared difference of logits serves every task (Ba and Caruana 2014, "Do Deep Nets
    Really Need to be Deep?").

    Args:
        teacher: functional model of the same inputs that runs in every step, because its logits
            for every token of every text are too many to store. None: it ran once before, and its
            logits are in the batch.

    Shapes: logits (b, c); or (b, t, c) for the places of `target_ids`, or of the tokens where there
    are none. Several outputs are taken one by one, and their distances added.
    """

    @functools.wraps(objective)  # also copies `variables`
    def with_teacher(
        model: Any, features: dict[str, Any], targets: dict[str, Any], training: bool
    ) -> tuple[Any, Any]:
        from keras import ops

        loss, logits = objective(model, features, targets, training=training)
        if teacher is None:
            reference = targets[TARGET]
        else:
            reference = map_arrays(ops.stop_gradient, teacher(features, training=False))
        real = features.get("target_ids", features.get("padding_mask"))
        pairs = zip(as_list(logits), as_list(reference), strict=True)
        distance = sum(
            _of_logits(student_logits, teacher_logits, real)
            for student_logits, teacher_logits in pairs
        )
        return (1.0 - share) * loss + share * distance, logits

    return with_teacher


def with_states_of_teacher(
    objective: Callable[..., tuple[Any, Any]], model: Any, teacher: Any, patterns: Sequence[str]
) -> Callable[..., Any]:
    """Return `objective` plus the mean distance of hidden states to those of the teacher.

    The distance of a layer is its squared error over the tokens of a text, relative to the
    teacher's own size there, so that every layer counts alike (Kurtic et al. 2023, "Sparse
    Fine-tuning for Inference Acceleration of Large Language Models", SquareHead).

    Args:
        model: the trained model; the objective must be called with it.
        teacher: functional model of the same inputs; it runs in every step, without dropout.
        patterns: of names of layers (`block_*_output_norm`) that both models have.

    Raises:
        InputError: a pattern matches no layer, or the two models' states there differ in shape.
    """
    import keras
    from keras import ops

    names = _common(model, teacher, patterns)
    student, guide = (
        keras.Model(m.input, [m.output, *(m.get_layer(name).output for name in names)])
        for m in (model, teacher)
    )

    @functools.wraps(objective)
    def with_states(
        _: Any, features: dict[str, Any], targets: dict[str, Any], training: bool
    ) -> tuple[Any, Any]:
        states: list[Any] = []

        def call(features: dict[str, Any], training: bool) -> Any:
            logits, *states[:] = student(features, training=training)
            return logits

        call.optimizer = getattr(model, "optimizer", None)  # it has the step number
        loss, logits = objective(call, features, targets, training=training)
        _, *references = guide(features, training=False)
        mask = features.get("padding_mask")
        distances = [
            distance(state, ops.stop_gradient(reference), mask)
            for state, reference in zip(states, references, strict=True)
        ]
        return loss + sum(distances) / len(distances), logits

    return with_states


def _of_logits(logits: Any, reference: Any, ids: Any) -> Any:
    """Return the mean squared difference of logits (b, ...) without padding, 0 in `ids` (b, t)."""
    from keras import ops

    logits, reference = ops.cast(logits, "float32"), ops.cast(reference, "float32")
    square = ops.square(ops.subtract(logits, reference))
    if ids is None or len(square.shape) < 3 or logits.shape[1] != ids.shape[1]:
        return ops.mean(square, axis=tuple(range(1, len(square.shape))))
    real = ops.cast(ops.not_equal(ids, 0), "float32")
    return ops.sum(ops.mean(square, axis=-1) * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1)


def distance(state: Any, reference: Any, mask: Any) -> Any:
    """Return the relative squared error of states (b, ...) without padding, (b,)."""
    from keras import ops

    state, reference = ops.cast(state, "float32"), ops.cast(reference, "float32")
    error, size = ops.square(state - reference), ops.square(reference)
    axes = tuple(range(1, len(error.shape)))
    if mask is not None and len(axes) == 2:
        real = ops.cast(mask, "float32")[:, :, None]
        error, size = error * real, size * real
    return ops.sum(error, axis=axes) / (ops.sum(size, axis=axes) + 1e-6)


def _common(model: Any, teacher: Any, patterns: Sequence[str]) -> list[str]:
    """Return the names of the layers that the patterns match in both models."""
    import fnmatch

    teacher_names = {layer.name for layer in teacher.layers}
    common = [layer.name for layer in model.layers if layer.name in teacher_names and layer.weights]
    for pattern in patterns:
        if not fnmatch.filter(common, pattern):
            raise InputError(
                f"distill_layers: {pattern!r} matches no layer; expected a pattern of "
                f"{shortened(common, SHOWN)}"
            )
    matched = [name for name in common if any(fnmatch.fnmatchcase(name, p) for p in patterns)]
    for name in matched:
        shapes = [tuple(m.get_layer(name).output.shape) for m in (model, teacher)]
        if shapes[0] != shapes[1]:
            raise InputError(
                f"distill_layers: the output of {name} is {shapes[0]}, in the uncompressed "
                f"model {shapes[1]}; leave it out"
            )
    return matched
