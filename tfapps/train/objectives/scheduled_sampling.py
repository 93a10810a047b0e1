"""Scheduled sampling: in training the decoder reads some of its own predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field

from tfapps.config.sections import Section
from tfapps.train.objectives import base


class Config(Section):
    """`objective:` of a fit whose decoder reads some of its own predictions.

    Attributes:
        rate: share of the target's tokens that are replaced at the end; it grows linearly from 0.
        sample: draw predictions from the model's distribution; false takes the likeliest token.
    """

    name: str = "scheduled_sampling"
    rate: float = Field(0.25, ge=0, le=1)
    sample: bool = False


def build(
    config: Config, loss: Callable[..., Any], *, steps: int, **_: Any
) -> Callable[..., tuple[Any, Any]]:
    """Return (model, features, targets, training) -> (loss per example (b,), logits (b, t, v)).

    Two passes: the first predicts a token after every true prefix, the second learns from prefixes
    that hold some of these (Mihaylova and Martins 2019, "Scheduled Sampling for Transformers").
    The first has no dropout and passes no gradient on.

    Args:
        loss: the task's, (targets, logits) -> (b,).
        steps: optimizer steps of the whole fit.
    """

    def objective(
        model: Any, features: dict[str, Any], targets: dict[str, Any], training: bool
    ) -> tuple[Any, Any]:
        if training and config.rate:
            predictions = model(features, training=False)
            step = model.optimizer.iterations
            mixed = _mixed(features["target_ids"], predictions, config, step, steps)
            features = {**features, "target_ids": mixed}
        logits = model(features, training=training)
        return loss(targets, logits), logits

    return objective


def _mixed(target_ids: Any, logits: Any, config: Config, step: Any, steps: int) -> Any:
    """Return `target_ids` (b, t) with some tokens replaced by those that `logits` predict."""
    import tensorflow as tf
    from keras import ops

    # Drawn from the step and the batch alone: replicas and micro-batches differ, and a fit that is
    # repeated does not.
    seed = ops.stack([ops.cast(step, "int32"), ops.sum(target_ids)])
    if config.sample:
        noise = tf.random.stateless_uniform(ops.shape(logits), seed + 1, minval=1e-20)
        logits = ops.cast(logits, "float32") - ops.log(-ops.log(noise))
    predicted = ops.cast(ops.argmax(logits, axis=-1), target_ids.dtype)[:, :-1]  # (b, t - 1)
    truth = target_ids[:, 1:]
    share = config.rate * ops.minimum(ops.cast(step, "float32") / steps, 1.0)
    chosen = tf.random.stateless_uniform(ops.shape(truth), seed) < share
    # Padding and the start token of a sentence are never replaced.
    chosen = ops.logical_and(chosen, ops.not_equal(truth, 0))
    return ops.concatenate([target_ids[:, :1], ops.where(chosen, predicted, truth)], axis=1)


class Objective(base.Objective):
    """What other packages ask of this file."""

    needs = "seq2seq"
    build = staticmethod(build)
