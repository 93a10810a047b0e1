"""Weights averaged along one fit."""

import functools
import io

import keras
import numpy as np
import pytest
from fitting import FakeBatches, Task, least_model, scores
from pydantic import ValidationError

from tfapps.config.sections import TrainConfig
from tfapps.train import averaging
from tfapps.train.evaluation import Evaluation
from tfapps.train.loop import fit
from tfapps.train.objectives import plain
from tfapps.train.strategy import make


class Seen(keras.callbacks.Callback):
    """The weights after every step."""

    def __init__(self):
        super().__init__()
        self.weights = []

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append([w.numpy() for w in self.model.trainable_variables])


def fitted(evaluate=None, **settings):
    keras.utils.set_random_seed(1)
    model, seen = least_model(), Seen()
    config = TrainConfig(
        epochs=4, batch_size=8, learning_rate=0.02, schedule="constant", **settings
    )
    start = [w.numpy() for w in model.trainable_variables]
    fit(
        model,
        config=config,
        objective=plain.build(plain.Config(), Task.loss),
        batches=FakeBatches(),
        strategy=make("one_device"),
        evaluate=evaluate(model) if evaluate else scores(0.1, 0.2, 0.3, 0.4),
        headline="accuracy",
        callbacks=[seen, *averaging.callbacks(config, model)],
        stream=io.StringIO(),
    )
    return model, start, seen.weights


@functools.cache
def with_ema():
    """A fit that two tests look at."""
    return fitted(ema=0.9)


def same(model, expected, atol=1e-5):
    for weight, value in zip(model.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(weight.numpy(), value, atol=atol)


def test_ema_is_that_of_all_steps():
    model, start, seen = with_ema()
    assert len(seen) == 20
    means = start
    for number, weights in enumerate(seen, start=1):
        decay = min(0.9, (1 + number) / (10 + number))
        means = [decay * m + (1 - decay) * w for m, w in zip(means, weights, strict=True)]
    same(model, means)


def test_swa_is_the_mean_of_the_last_epochs():
    model, _, seen = fitted(swa=0.5)
    last = [seen[14], seen[19]]
    same(model, [np.mean(parts, axis=0) for parts in zip(*last, strict=True)])


def test_training_continues_from_its_own_weights_not_the_average():
    _, _, plain_steps = fitted()
    _, _, steps = with_ema()
    for one, other in zip(plain_steps, steps, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_averaged_weights_are_judged():
    judged = []

    def evaluate(model):
        def look():
            judged.append([w.numpy() for w in model.trainable_variables])
            return Evaluation({"accuracy": len(judged) / 10})

        return look

    model, *_ = fitted(evaluate, ema=0.9)
    same(model, judged[-1], atol=0)


def test_both_at_once_are_refused():
    with pytest.raises(ValidationError, match="got both ema and swa, expected one of them"):
        TrainConfig(ema=0.9, swa=0.5)
