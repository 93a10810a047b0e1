"""How far two answers of a model are from one another, in keras.ops, from logits."""

from __future__ import annotations

from typing import Any


def divergence(logits: Any, wanted: Any, activation: str = "softmax", ids: Any = None) -> Any:
    """Return (b,) Kullback-Leibler divergence of `logits` from `wanted`, in nats.

    Numbers are taken for the means of normal distributions of variance 1.

    Args:
        logits: (b, c), or (b, t, c) for t places of a text.
        wanted: of the same shape, what is to be said.
        activation: `softmax` for one right class, `sigmoid` for any number of them and `linear`
            for numbers; the mean of these is taken.
        ids: (b, t), 0 at the places that do not count; the others are averaged.
    """
    from keras import ops

    logits, wanted = ops.cast(logits, "float32"), ops.cast(wanted, "float32")
    if activation == "sigmoid":
        each = ops.mean(_bernoulli(logits, wanted), axis=-1)
    elif activation == "linear":
        each = ops.mean(ops.square(ops.subtract(logits, wanted)), axis=-1) / 2
    else:
        log_p, log_q = ops.log_softmax(wanted, axis=-1), ops.log_softmax(logits, axis=-1)
        each = ops.sum(ops.multiply(ops.exp(log_p), ops.subtract(log_p, log_q)), axis=-1)
    if len(each.shape) == 1:
        return each
    if ids is None:
        return ops.mean(each, axis=1)
    real = ops.cast(ops.not_equal(ids, 0), "float32")
    return ops.sum(each * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)


def _bernoulli(logits: Any, wanted: Any) -> Any:
    from keras import ops

    p = ops.sigmoid(wanted)
    yes = p * (ops.log_sigmoid(wanted) - ops.log_sigmoid(logits))
    return yes + (1 - p) * (ops.log_sigmoid(-wanted) - ops.log_sigmoid(-logits))
