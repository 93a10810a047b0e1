"""The loss of a sequence and its gradient, against the textbook."""

import numpy as np
import pytest
import tensorflow as tf

from tfapps.metrics.cross_entropy import sequence_cross_entropy

LABELS = np.array([[4, 2, 1, 5], [3, 0, 0, 0], [0, 0, 0, 0]])


def textbook(logits, label, smoothing, first):
    """Loss (b,) and its gradient (b, t, v) at an upstream of 1, 2, ... for the rows."""
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    width = logits.shape[-1]
    truth = np.eye(width)[np.maximum(label - first, 0)] * (1 - smoothing) + smoothing / width
    weight = (label != 0) / np.maximum((label != 0).sum(1, keepdims=True), 1)
    loss = -((truth * np.log(shares)).sum(-1) * weight).sum(1)
    upstream = np.arange(1.0, len(label) + 1)[:, None, None]
    return loss, upstream * weight[..., None] * (shares - truth)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize(("smoothing", "first"), [(0.0, 0), (0.1, 0), (0.0, 1), (0.3, 1)])
def test_loss_and_gradient_are_those_of_the_textbook(smoothing, first, dtype):
    logits = np.random.default_rng(0).normal(size=(3, 4, 6)).astype(dtype)
    loss, slope = textbook(logits.astype("float64"), LABELS, smoothing, first)

    @tf.function(input_signature=[tf.TensorSpec((None, None, 6), dtype)])
    def graph(logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            each = sequence_cross_entropy(logits, tf.constant(LABELS), smoothing, first)
        return each, tape.gradient(each, logits, tf.range(1.0, 4.0))

    each, gradient = graph(tf.constant(logits))
    near = {"atol": 1e-6} if dtype == "float32" else {"atol": 2e-3}
    np.testing.assert_allclose(each, loss, **near)
    np.testing.assert_allclose(gradient, slope, **near)


def test_logits_of_very_different_size_give_finite_numbers():
    logits = np.array([[[1e4, -1e4, 0.0]]], "float32")
    np.testing.assert_allclose(sequence_cross_entropy(logits, np.array([[1]]), 0.0), [2e4])
