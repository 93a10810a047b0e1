"""Divergence between two outputs of a model, computed from logits with keras.ops."""

from __future__ import annotations

from typing import Any


def divergence(logits: Any, target: Any, activation: str = "softmax", ids: Any = None) -> Any:
    """Return (b,) Kullback-Leibler divergence of `logits` from `target`, in nats.

    Numbers are treated as means of normal distributions of variance 1.

    Args:
        logits: (b, c), or (b, t, c) for t positions of a text.
        target: logits to match, of the same shape.
        activation: `softmax` for one correct class, `sigmoid` for any number of them and `linear`
            for numbers; the latter two are averaged.
        ids: (b, t), 0 at positions that do not count; the others are averaged.
    """
    from keras import ops

    logits, target = ops.cast(logits, "float32"), ops.cast(target, "float32")
    if activation == "sigmoid":
        each = ops.mean(_bernoulli(logits, target), axis=-1)
    elif activation == "linear":
        each = ops.mean(ops.square(ops.subtract(logits, target)), axis=-1) / 2
    else:
        log_p, log_q = ops.log_softmax(target, axis=-1), ops.log_softmax(logits, axis=-1)
        each = ops.sum(ops.multiply(ops.exp(log_p), ops.subtract(log_p, log_q)), axis=-1)
    if len(each.shape) == 1:
        return each
    if ids is None:
        return ops.mean(each, axis=1)
    real = ops.cast(ops.not_equal(ids, 0), "float32")
    return ops.sum(each * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)


def _bernoulli(logits: Any, target: Any) -> Any:
    from keras import ops

    p = ops.sigmoid(target)
    yes = p * (ops.log_sigmoid(target) - ops.log_sigmoid(logits))
    return yes + (1 - p) * (ops.log_sigmoid(-target) - ops.log_sigmoid(-logits))
