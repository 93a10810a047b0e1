"""Losses of each example, in keras.ops, from logits."""

from __future__ import annotations

from typing import Any


def softmax_cross_entropy(logits: Any, label: Any, classes: int, label_smoothing: float) -> Any:
    """Return (b,) cross-entropy of one right class each.

    Args:
        logits: (b, c).
        label: (b,) int, the right class.
        classes: c.
        label_smoothing: share of the truth given to all classes alike (Szegedy et al. 2016).
    """
    from keras import ops

    hot = ops.one_hot(label, classes, dtype="float32")
    smooth = hot * (1.0 - label_smoothing) + label_smoothing / classes
    return -ops.sum(smooth * ops.log_softmax(logits, axis=-1), axis=-1)


def sigmoid_cross_entropy(
    logits: Any, hot: Any, label_smoothing: float, positive_weight: Any = None
) -> Any:
    """Return (b,) mean over classes of the binary cross-entropy, any number of right classes.

    Args:
        logits: (b, c).
        hot: (b, c) 1 for a right class, else 0.
        label_smoothing: pulls the truth towards a half.
        positive_weight: (c,) weight of a right class against 1 of a wrong one; None is 1.
    """
    from keras import ops

    truth = hot * (1.0 - label_smoothing) + 0.5 * label_smoothing
    # The textbook form overflows for large logits; this one is the same number.
    each = ops.relu(logits) - logits * truth + ops.softplus(-ops.abs(logits))
    if positive_weight is not None:
        each = each * (1.0 + hot * (ops.convert_to_tensor(positive_weight, "float32") - 1.0))
    return ops.mean(each, axis=-1)
