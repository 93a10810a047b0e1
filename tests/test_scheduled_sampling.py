"""Scheduled sampling: what the decoder reads in the second pass, and what that teaches."""

import io
import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from running import on_two_devices
from sampling import WORDS, batches, loss, translator

from tfapps.config import load as configs
from tfapps.config.sections import TrainConfig
from tfapps.errors import ConfigError
from tfapps.train.evaluation import Evaluation
from tfapps.train.loop import fit
from tfapps.train.objectives import plain, scheduled_sampling
from tfapps.train.strategy import make

TARGET = np.array([[2, 5, 6, 7, 8], [2, 9, 4, 0, 0]], "int32")
SAID = np.array([[11, 12, 13, 14, 15], [16, 17, 18, 19, 10]])  # behind each place


class Says:
    """A model of fixed logits (b, t, v) that keeps the `target_ids` it was given."""

    def __init__(self, logits, step):
        self.logits, self.read = tf.constant(logits, tf.float32), []
        self.optimizer = SimpleNamespace(iterations=tf.constant(step))

    def __call__(self, features, training):
        self.read.append((np.asarray(features["target_ids"]), training))
        return self.logits


def second_pass(target_ids, logits, step, steps=10, **settings):
    """What the decoder reads when it learns."""
    model = Says(logits, step)
    built = scheduled_sampling.build(
        scheduled_sampling.Config(**settings), lambda targets, logits: logits[:, 0, 0], steps=steps
    )
    built(model, {"target_ids": tf.constant(target_ids)}, {}, training=True)
    (first, *modes), (mixed, learns) = model.read
    assert (modes, learns) == ([False], True)
    np.testing.assert_array_equal(first, target_ids)
    return mixed


def test_each_input_becomes_the_prediction_of_the_previous_step():
    mixed = second_pass(TARGET, np.eye(20)[SAID], step=10, rate=1.0)
    np.testing.assert_array_equal(mixed, [[2, 11, 12, 13, 14], [2, 16, 17, 0, 0]])


def test_nothing_is_replaced_before_the_first_step():
    mixed = second_pass(TARGET, np.eye(20)[SAID], step=0, rate=1.0)
    np.testing.assert_array_equal(mixed, TARGET)


@pytest.mark.parametrize(("step", "share"), [(25, 0.1), (50, 0.2), (100, 0.4), (300, 0.4)])
def test_the_share_grows_linearly_to_the_rate(step, share):
    truth, logits = np.ones((100, 101), "int32"), np.eye(3)[np.full((100, 101), 2)]
    mixed = second_pass(truth, logits, step=step, steps=100, rate=0.4)
    assert (mixed == 2).mean() == pytest.approx(share, abs=0.02)
    again = second_pass(truth, logits, step=step, steps=100, rate=0.4)
    np.testing.assert_array_equal(mixed, again)
    later = second_pass(truth, logits, step=step + 1, steps=100, rate=0.4)
    assert (mixed != later).any()


def test_samples_are_drawn_as_likely_as_the_model_finds_them():
    truth = np.full((100, 101), 3, "int32")
    logits = np.broadcast_to(np.log([0.6, 0.3, 0.1]), (100, 101, 3))
    mixed = second_pass(truth, logits, step=10, rate=1.0, sample=True)[:, 1:]
    shares = np.bincount(mixed.ravel(), minlength=3) / mixed.size
    np.testing.assert_allclose(shares, [0.6, 0.3, 0.1], atol=0.02)


@pytest.mark.parametrize("sample", [False, True])
def test_no_gradient_goes_through_the_first_pass(sample):
    keras.utils.set_random_seed(1)
    model, read = translator(), []

    def keep(features, training):
        read.append(features)
        return model(features, training=training)

    keep.optimizer = SimpleNamespace(iterations=tf.constant(7))
    settings = scheduled_sampling.Config(rate=1.0, sample=sample)
    objective = scheduled_sampling.build(settings, loss, steps=8)
    features, targets, _ = next(iter(batches().epoch(0)))

    def gradients(function, model, features):
        with tf.GradientTape() as tape:
            losses, _ = function(model, features, targets, training=True)
        return losses, tape.gradient(losses, [v.value for v in variables])

    variables = model.trainable_variables
    losses, mine = gradients(objective, keep, features)
    assert (read[1]["target_ids"] != features["target_ids"]).numpy().any()
    expected, theirs = gradients(plain.build(plain.Config(), loss), model, read[1])
    np.testing.assert_array_equal(losses, expected)
    for one, other in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(tf.convert_to_tensor(one), tf.convert_to_tensor(other))


def fitted(objective):
    keras.utils.set_random_seed(1)
    model = translator(dropout=0.2)
    history = fit(
        model,
        config=TrainConfig(epochs=2, batch_size=8, learning_rate=0.01),
        objective=objective,
        batches=batches(),
        strategy=make("one_device"),
        evaluate=lambda: Evaluation({"bleu": model.optimizer.iterations.numpy() * 1.0}),
        headline="bleu",
        stream=io.StringIO(),
    )
    return [record.loss for record in history.records], model.get_weights()


def test_a_rate_of_zero_is_plain_training():
    losses, weights = fitted(plain.build(plain.Config(), loss))
    settings = scheduled_sampling.Config(rate=0.0)
    again, same = fitted(scheduled_sampling.build(settings, loss, steps=10))
    assert losses == again
    for one, other in zip(weights, same, strict=True):
        np.testing.assert_array_equal(one, other)
    settings = scheduled_sampling.Config(rate=1.0)
    other, _ = fitted(scheduled_sampling.build(settings, loss, steps=10))
    assert other[1] != losses[1]


def test_tasks_that_write_nothing_are_refused():
    raw = {
        "task": {"name": "classification"},
        "data": {"source": "sample", "sample": "support_intents"},
        "model": {"name": "bert", "size": "tiny"},
        "objective": {"name": "scheduled_sampling"},
    }
    expected = (
        "objective.name: 'scheduled_sampling' is for tasks that need seq2seq models, but "
        "'classification' needs encoder; tasks that fit: translation"
    )
    with pytest.raises(ConfigError, match=expected):
        configs.from_dict(raw, "run")


PROGRAM = """
import io, json, sys
import keras, numpy as np
from sampling import batches, loss, translator
from tfapps.config.sections import TrainConfig
from tfapps.train.evaluation import Evaluation
from tfapps.train.loop import fit
from tfapps.train.objectives import scheduled_sampling
from tfapps.train.strategy import make

out = []
for name, precision in json.loads(sys.argv[1]):
    keras.mixed_precision.set_dtype_policy(precision)
    keras.utils.set_random_seed(1)
    strategy = make(name)
    with strategy.scope():
        model = translator()
    # From the second step on every token is replaced: replicas draw differently, yet read the same.
    objective = scheduled_sampling.build(scheduled_sampling.Config(rate=1.0), loss, steps=1)
    history = fit(
        model,
        config=TrainConfig(epochs=3, batch_size=8, learning_rate=0.01, precision=precision),
        objective=objective,
        batches=batches(),
        strategy=strategy,
        evaluate=lambda: Evaluation({"bleu": float(model.optimizer.iterations.numpy())}),
        headline="bleu",
        stream=io.StringIO(),
    )
    copies = [
        np.ptp([copy.numpy() for copy in strategy.experimental_local_results(v.value)], 0).max()
        for v in model.weights
    ]
    out.append({
        "replicas": strategy.num_replicas_in_sync,
        "losses": [record.loss for record in history.records],
        "apart": float(max(copies)),
    })
print(json.dumps(out))
"""


def test_replicas_learn_from_their_own_words_too():
    cases = [("one_device", "float32"), ("mirrored", "float32")]
    one, two = on_two_devices(PROGRAM, json.dumps(cases))
    assert [actual["replicas"] for actual in (one, two)] == [1, 2]
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=0, atol=1e-4)
    assert two["apart"] == 0
    assert two["losses"][2] < two["losses"][0] < 1.1 * np.log(WORDS)


@pytest.mark.slow
def test_replicas_learn_in_half_precision():
    (half,) = on_two_devices(PROGRAM, json.dumps([("mirrored", "mixed_float16")]))
    assert (half["replicas"], half["apart"]) == (2, 0)
    assert half["losses"][2] < half["losses"][0] < 1.1 * np.log(WORDS)
