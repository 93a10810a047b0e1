"""The divergence between two outputs."""

import numpy as np
from fitting import Task

from tfapps.metrics.divergence import divergence
from tfapps.train.answers import answer_divergence, mean_answer


def test_divergence_equals_numpy():
    random = np.random.default_rng(0)
    one, other = random.normal(size=(2, 5, 4)).astype("float32")
    p, q = (np.exp(x) / np.exp(x).sum(-1, keepdims=True) for x in (other, one))
    np.testing.assert_allclose(divergence(one, other), (p * np.log(p / q)).sum(-1), rtol=1e-4)
    p, q = (1 / (1 + np.exp(-x)) for x in (other, one))
    expected = (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).mean(-1)
    np.testing.assert_allclose(divergence(one, other, "sigmoid"), expected, rtol=1e-4)


def test_divergence_of_numbers_is_half_their_squared_difference():
    numbers, expected = np.array([[1.0], [3.0]], "float32"), np.array([[2.0], [0.0]], "float32")
    np.testing.assert_allclose(divergence(numbers, expected, "linear"), [0.5, 4.5])


def test_the_answer_of_several_teachers_is_the_mean_of_their_numbers():
    class Numbers(Task):
        activation = "linear"

    numbers = [np.array([[1.0]], "float32"), np.array([[4.0]], "float32")]
    np.testing.assert_allclose(mean_answer(Numbers, numbers), [[2.5]])


def test_divergence_of_places_leaves_padding_out():
    random = np.random.default_rng(0)
    one, other = random.normal(size=(2, 1, 3, 4)).astype("float32")
    ids = np.array([[5, 6, 0]])
    forward = divergence(one, other, ids=ids)
    np.testing.assert_allclose(
        forward, divergence(one[0, :2], other[0, :2]).numpy().mean(), rtol=1e-5
    )
    np.testing.assert_allclose(divergence(one, one, ids=ids), 0, atol=1e-6)


def test_transitions_are_no_answer_of_a_text():
    random = np.random.default_rng(0)
    logits = random.normal(size=(2, 2, 3, 4)).astype("float32")
    outputs = [{"logits": part, "transitions": random.normal(size=(1, 6, 4))} for part in logits]
    features = {"padding_mask": np.ones((2, 3), "int32")}
    expected = divergence(*logits, ids=features["padding_mask"])
    np.testing.assert_allclose(answer_divergence(Task, *outputs, features), expected, rtol=1e-6)
