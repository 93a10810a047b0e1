"""What a compressed model is taught by the model that it was."""

import keras
import numpy as np
import pytest

from tfapps.errors import InputError
from tfapps.graph.clone import clone
from tfapps.layers.layer_norm import LayerNorm
from tfapps.layers.linear import Linear
from tfapps.train.objectives import plain
from tfapps.train.teacher import TARGET, with_logits_of_teacher, with_states_of_teacher

ROWS, TOKENS, WIDTH = 4, 5, 6


def network(width=WIDTH, seed=0):
    """Padded states (b, t, 3) -> logits (b, t, 2), by way of two named layers."""
    keras.utils.set_random_seed(seed)
    x = keras.Input((TOKENS, 3), name="states")
    mask = keras.Input((TOKENS,), name="padding_mask", dtype="int32")
    hidden = LayerNorm(name="block_1_norm")(Linear(width, name="block_1_output")(x))
    return keras.Model({"states": x, "padding_mask": mask}, Linear(2, name="head")(hidden))


def batch():
    random = np.random.default_rng(1)
    mask = (np.arange(TOKENS) < np.array([[5], [3], [1], [2]])).astype("int32")
    states = random.normal(size=(ROWS, TOKENS, 3)).astype("float32")
    return {"states": states, "padding_mask": mask}, {"label": random.normal(size=(ROWS,))}


def loss(targets, logits):
    return keras.ops.mean(keras.ops.square(logits), axis=(1, 2))


def objective():
    return plain.build(plain.Config(), loss)


def hidden(model, features, name):
    return np.asarray(keras.Model(model.input, model.get_layer(name).output)(features))


def test_states_count_relative_to_the_teachers_and_without_padding():
    model, teacher = network(seed=0), network(seed=1)
    features, targets = batch()
    names = ("block_1_norm", "block_1_output")
    expected = []
    for name in names:
        ours, theirs = (hidden(m, features, name) for m in (model, teacher))
        mask = features["padding_mask"][:, :, None]
        error = (np.square(ours - theirs) * mask).sum((1, 2))
        expected.append(error / (np.square(theirs) * mask).sum((1, 2)))
    base, _ = objective()(model, features, targets, training=False)
    combined = with_states_of_teacher(objective(), model, teacher, ["block_1_*"])
    total, logits = combined(model, features, targets, training=False)
    np.testing.assert_allclose(total - base, np.mean(expected, axis=0), rtol=1e-4)
    np.testing.assert_array_equal(logits, model(features))


def test_what_is_beyond_the_mask_cannot_teach():
    model, teacher = network(seed=0), network(seed=1)
    features, targets = batch()
    combined = with_states_of_teacher(
        lambda m, f, t, training: (0.0, m(f, training=training)), model, teacher, ["*norm"]
    )
    before, _ = combined(model, features, targets, training=False)
    features["states"] = np.where(features["padding_mask"][:, :, None], features["states"], 9.0)
    after, _ = combined(model, features, targets, training=False)
    np.testing.assert_array_equal(before, after)


def test_a_copy_has_nothing_to_learn_and_the_teacher_learns_nothing():
    import tensorflow as tf

    model = network()
    teacher = clone(model)
    features, targets = batch()
    combined = with_states_of_teacher(
        lambda m, f, t, training: (0.0, m(f, training=training)), model, teacher, ["*norm"]
    )
    distance, _ = combined(model, features, targets, training=False)
    np.testing.assert_array_equal(distance, np.zeros(ROWS))
    model.get_layer("block_1_output").bias.assign([1.0] + [0.0] * (WIDTH - 1))
    with tf.GradientTape() as tape:
        distance, _ = combined(model, features, targets, training=True)
    weights = [w.value for w in model.trainable_weights + teacher.trainable_weights]
    gradients = tape.gradient(distance, weights)
    assert distance.numpy().min() > 0
    assert gradients[0] is not None
    assert np.abs(gradients[0]).max() > 0
    assert all(gradient is None for gradient in gradients[len(model.trainable_weights) :])


def test_answers_take_their_share_of_the_loss():
    model = network()
    features, targets = batch()
    logits = np.asarray(model(features))
    targets[TARGET] = logits + 2.0
    base, _ = objective()(model, features, targets, training=False)
    total, _ = with_logits_of_teacher(objective(), 0.75)(model, features, targets, training=False)
    np.testing.assert_allclose(total, 0.25 * np.asarray(base) + 0.75 * 4.0, rtol=1e-5)


def test_layers_that_are_not_there_or_differ_are_input_errors():
    with pytest.raises(
        InputError, match=r"distill_layers: 'blok_\*' matches no layer; expected .*"
    ):
        with_states_of_teacher(objective(), network(), network(), ["blok_*"])
    with pytest.raises(
        InputError, match=r"the output of block_1_norm is \(None, 5, 6\), .* \(None, 5, 8\)"
    ):
        with_states_of_teacher(objective(), network(), network(width=8), ["*_norm"])
