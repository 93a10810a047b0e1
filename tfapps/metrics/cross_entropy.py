"""Losses per example, computed from logits with keras.ops."""

from __future__ import annotations

from typing import Any


def softmax_cross_entropy(logits: Any, label: Any, classes: int, label_smoothing: float) -> Any:
    """Return (b,) cross-entropy of one correct class per row.

    Args:
        logits: (b, c).
        label: (b,) int, the correct class.
        classes: c.
        label_smoothing: share of the truth spread equally over all classes (Szegedy et al. 2016).
    """
    from keras import ops

    hot = ops.one_hot(label, classes, dtype="float32")
    smooth = hot * (1.0 - label_smoothing) + label_smoothing / classes
    return -ops.sum(smooth * ops.log_softmax(logits, axis=-1), axis=-1)


def sequence_cross_entropy(logits: Any, label: Any, label_smoothing: float, first: int = 0) -> Any:
    """Return (b,) mean cross-entropy over the tokens of a sequence.

    Args:
        logits: (b, t, v).
        label: (b, t) int, the correct tokens; 0 is padding and does not count.
        label_smoothing: share of the truth spread equally over all tokens.
        first: the label of the first logit.
    """
    from keras import ops

    logits = ops.cast(logits, "float32")
    number = ops.maximum(label - first, 0)
    each = _of_tokens(logits, number, label_smoothing)
    real = ops.cast(ops.not_equal(label, 0), "float32")
    return ops.sum(each * real, axis=-1) / ops.maximum(ops.sum(real, axis=-1), 1.0)


def _of_tokens(logits: Any, number: Any, label_smoothing: float) -> Any:
    """Return the cross-entropy of every token, (b, t, v), (b, t) -> (b, t).

    With a large vocabulary every pass over the logits is slow: one kernel computes both the loss
    and its gradient.
    With smoothing the gradient is explicit, and corrected in place at the labels.
    """
    from keras import ops

    if not label_smoothing:
        return ops.sparse_categorical_crossentropy(number, logits, from_logits=True)
    shape = ops.shape(logits)
    width = logits.shape[-1]
    number = ops.reshape(ops.cast(number, "int32"), (-1,))
    share = label_smoothing / width

    @ops.custom_gradient
    def loss(logits: Any) -> tuple[Any, Any]:
        each = ops.sparse_categorical_crossentropy(number, logits, from_logits=True)
        label_logits = ops.take_along_axis(logits, number[:, None], axis=1)[:, 0]

        def gradient(upstream: Any) -> Any:
            slope = ops.expand_dims(upstream, -1) * (ops.softmax(logits, axis=-1) - share)
            places = ops.stack([ops.arange(ops.shape(number)[0], dtype="int32"), number], axis=1)
            label_slopes = upstream * (ops.exp(-each) - share - (1 - label_smoothing))
            return ops.scatter_update(slope, places, label_slopes)

        return each + label_smoothing * (label_logits - ops.mean(logits, axis=1)), gradient

    return ops.reshape(loss(ops.reshape(logits, (-1, width))), shape[:-1])


def sigmoid_cross_entropy(
    logits: Any, hot: Any, label_smoothing: float, positive_weight: Any = None
) -> Any:
    """Return (b,) mean over classes of the binary cross-entropy, for any number of correct classes.

    Args:
        logits: (b, c).
        hot: (b, c) 1 for a correct class, else 0.
        label_smoothing: moves the truth towards 0.5.
        positive_weight: (c,) weight of a correct class, relative to 1 of a wrong one; None is 1.
    """
    from keras import ops

    truth = hot * (1.0 - label_smoothing) + 0.5 * label_smoothing
    # The textbook form overflows for large logits; this one is the same number.
    each = ops.relu(logits) - logits * truth + ops.softplus(-ops.abs(logits))
    if positive_weight is not None:
        each = each * (1.0 + hot * (ops.convert_to_tensor(positive_weight, "float32") - 1.0))
    return ops.mean(each, axis=-1)
