"""The CRF against all paths, one by one: likelihood, best path, marginals."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from tfapps.decoding import viterbi
from tfapps.layers.crf import CRF, log_likelihood


def chains(seed, tags, places):
    """logits (t, k), transitions (k + 2, k), allowed (k + 2, k) of which some is forbidden."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(places, tags)).astype("float32")
    transitions = generator.normal(size=(tags + 2, tags)).astype("float32")
    allowed = generator.random((tags + 2, tags)) < 0.8
    allowed[:, 0] = True  # so that there is a path
    return logits, transitions, allowed


def all_paths(logits, transitions, allowed):
    """(path, score) of every path that is allowed."""
    places, tags = logits.shape
    for path in itertools.product(range(tags), repeat=places):
        steps = [(tags, path[0]), *itertools.pairwise(path), (tags + 1, path[-1])]
        if all(allowed[step] for step in steps):
            score = sum(logits[i, tag] for i, tag in enumerate(path))
            yield path, float(score + sum(transitions[step] for step in steps))


CASES = [(seed, tags, places) for seed in range(4) for tags in (2, 4) for places in (1, 2, 5)]


@pytest.mark.parametrize(("seed", "tags", "places"), CASES)
def test_likelihood_is_a_share_of_all_paths(seed, tags, places):
    logits, transitions, allowed = chains(seed, tags, places)
    paths = list(all_paths(logits, transitions, allowed))
    total = np.logaddexp.reduce([score for _, score in paths])
    rows = paths[:: max(1, len(paths) // 7)]
    actual = log_likelihood(
        np.repeat(logits[None], len(rows), 0),
        np.repeat(transitions[None], len(rows), 0),
        np.array([path for path, _ in rows]) + 1,
        allowed,
    )
    expected = [score - total for _, score in rows]
    np.testing.assert_allclose(ops.convert_to_numpy(actual), expected, atol=1e-5)


@pytest.mark.parametrize(("seed", "tags", "places"), CASES)
def test_best_path_is_the_best_of_all(seed, tags, places):
    logits, transitions, allowed = chains(seed, tags, places)
    best, _ = max(all_paths(logits, transitions, allowed), key=lambda path: path[1])
    assert tuple(viterbi.best_path(logits, transitions, allowed)) == best


@pytest.mark.parametrize(("seed", "tags", "places"), CASES)
def test_marginals_are_sums_over_all_paths(seed, tags, places):
    logits, transitions, allowed = chains(seed, tags, places)
    paths = list(all_paths(logits, transitions, allowed))
    shares = np.exp(np.array([score for _, score in paths]))
    shares /= shares.sum()
    expected = np.zeros((places, tags))
    for (path, _), share in zip(paths, shares, strict=True):
        expected[np.arange(places), list(path)] += share
    actual = viterbi.marginals(logits, transitions, allowed)
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_places_without_a_tag_are_no_part_of_the_path():
    logits, transitions, allowed = chains(0, 3, 4)
    spread = np.zeros((2, 9, 3), "float32")
    spread[:, [1, 2, 5, 8]] = logits
    spread[:, [0, 3, 4, 6, 7]] = 1e3
    label_ids = np.zeros((2, 9), "int32")
    label_ids[:, [1, 2, 5, 8]] = np.array([0, 2, 0, 1]) + 1
    both = np.stack([transitions, transitions])
    actual = ops.convert_to_numpy(log_likelihood(spread, both, label_ids, allowed))
    tight = log_likelihood(logits[None], transitions[None], label_ids[:1, [1, 2, 5, 8]], allowed)
    np.testing.assert_allclose(actual, np.repeat(ops.convert_to_numpy(tight), 2), rtol=1e-5)


def test_a_row_without_any_tag_costs_nothing():
    logits, transitions, allowed = chains(1, 3, 4)
    actual = log_likelihood(logits[None], transitions[None], np.zeros((1, 4), "int32"), allowed)
    assert ops.convert_to_numpy(actual).tolist() == [0.0]


def test_learning_finds_what_follows_what():
    """The logits say nothing, so that only transitions can tell the tags."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((None, 3))
    logits, transitions = CRF(name="crf")(inputs)
    model = keras.Model(inputs, {"logits": logits, "transitions": transitions})
    tags = np.array([[0, 1, 2, 0, 1, 2], [1, 2, 0, 1, 2, 0]])
    optimizer = keras.optimizers.Adam(0.3)
    import tensorflow as tf

    nothing = np.zeros((2, 6, 3), "float32")
    optimizer.build(model.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            out = model(nothing)
            loss = -ops.mean(log_likelihood(out["logits"], out["transitions"], tags + 1))
        weights = model.trainable_variables
        optimizer.apply(tape.gradient(loss, [w.value for w in weights]), weights)
        return loss

    for _ in range(40):
        loss = step()
    assert float(loss) < 1.0  # two rows with a start of their own cost at least log 2
    learned = ops.convert_to_numpy(model(nothing)["transitions"])[0]
    actual = viterbi.best_path(np.zeros((6, 3)), learned, np.ones((5, 3), bool))
    assert list(np.diff(actual) % 3) == [1] * 5
