"""Adversaries on embeddings, and the objectives that learn from them."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from fitting import FakeBatches, Task, least_model, scores, tiny_model
from qat_models import classifier, given

from tfapps import registry
from tfapps.config.sections import TrainConfig
from tfapps.errors import InputError
from tfapps.graph import cut
from tfapps.train import embedded
from tfapps.train.loop import fit
from tfapps.train.objectives import fgm, freelb, pgd, plain, r_drop, vat
from tfapps.train.strategy import make

LABELS = (np.arange(64) % 3).astype("int32")


@functools.cache
def example():
    """A model of one block that no test changes, and a batch that it reads."""
    model = classifier(layers=1)
    model.compile(optimizer=keras.optimizers.Adam())
    return model, given(model), {"label": LABELS}


def built(name, **settings):
    module = registry.load("objective", name)
    return module.build(module.Config(**settings), Task.loss, task=Task, steps=10, seed=5)


@pytest.mark.parametrize("name", ["bert", "bilstm"])
def test_a_cut_model_is_the_model(name):
    model = classifier(name, layers=1)
    features = given(model)
    embed, answer = cut.Cut()(model)
    x = embed(features, False)
    assert x.shape[:2] == features["token_ids"].shape
    np.testing.assert_allclose(answer(x, features, False), model(features), atol=1e-6)
    # On the same weights, not on copies of them.
    model.get_layer("head").bias.assign(np.full(3, 7.0))
    np.testing.assert_allclose(answer(x, features, False), model(features), atol=1e-6)


def test_a_cut_is_made_once():
    once, model = cut.Cut(), least_model()
    assert once(model) is once(model)
    assert once(least_model()) is not once(model)


def test_nothing_to_embed_is_refused():
    ids = keras.Input((4,), name="token_ids")
    model = keras.Model({"token_ids": ids}, keras.ops.cast(ids, "int32"))
    with pytest.raises(InputError, match="no layer of the model embeds token_ids"):
        cut.embedded(model)


def test_half_a_model_is_refused():
    with pytest.raises(InputError, match="distill_layers shows it a part"):
        cut.Cut()(lambda features, training: None)


@functools.cache
def climbed(norm, steps=6, step=0.5, epsilon=0.2):
    """Change, embeddings, mask, the loss at a change."""
    model, features, targets = example()
    embed, answer = cut.Cut()(model)
    x = embed(features, False)
    ball = embedded.Ball(x, features, epsilon, norm)

    def loss_at(x):
        return Task.loss(targets, answer(x, features, False))

    delta = ball.climb(loss_at, steps, step)
    return delta.numpy(), x, ball.real.numpy(), lambda change: loss_at(x + change).numpy()


@pytest.mark.parametrize("norm", ["l2", "max"])
def test_an_adversary_stays_within_its_ball(norm):
    delta, x, real, _ = climbed(norm)
    x = np.asarray(x) * real
    if norm == "l2":
        radius = 0.2 * np.sqrt((x**2).sum((1, 2)))
        far = np.sqrt((delta**2).sum((1, 2)))
    else:
        radius = 0.2 * np.sqrt((x**2).sum((1, 2)) / (real.sum((1, 2)) * x.shape[-1]))
        far = np.abs(delta).max((1, 2))
    np.testing.assert_array_less(far, radius * (1 + 1e-5))
    assert np.median(far / radius) > 0.9
    assert np.abs(delta * (1 - real)).max() == 0


@pytest.mark.parametrize("norm", ["l2", "max"])
def test_an_adversary_goes_up_further_than_chance(norm):
    delta, _, _, loss_at = climbed(norm)
    chance = np.random.default_rng(0).permuted(delta, axis=2)
    assert loss_at(delta).mean() > loss_at(chance).mean() > loss_at(0 * delta).mean() - 0.1
    assert (loss_at(delta) > loss_at(0 * delta)).mean() > 0.9


def test_more_steps_find_worse_neighbours():
    losses = []
    for steps, step in ((1, 1.0), (8, 0.25)):
        delta, *_, loss_at = climbed("l2", steps, step, epsilon=0.5)
        losses.append(loss_at(delta).mean())
    assert losses[1] > losses[0]


def test_the_slope_is_that_of_the_loss():
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32"))
    slope = embedded.gradient(lambda x: tf.reduce_sum(x**3, axis=(1, 2)), x)
    np.testing.assert_allclose(slope / embedded.RAISED, 3 * x**2, rtol=1e-5)


def test_a_text_without_a_slope_is_left_alone():
    x, features = tf.ones((2, 3, 4)), {"padding_mask": np.ones((2, 3))}
    ball = embedded.Ball(x, features, 0.5, "l2")
    assert np.all(ball.edge(tf.zeros((2, 3, 4))).numpy() == 0)


def test_one_step_along_the_gradient_equals_numpy():
    model, features, targets = example()
    embed, answer = cut.Cut()(model)
    x = embed(features, False)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(Task.loss(targets, answer(x, features, False)))
    slope = tape.gradient(total, x).numpy() * features["padding_mask"][:, :, None]
    length = np.sqrt((slope**2).sum((1, 2), keepdims=True))
    real = np.asarray(x) * features["padding_mask"][:, :, None]
    step = 0.3 * np.sqrt((real**2).sum((1, 2), keepdims=True)) * slope / length
    worst = Task.loss(targets, answer(x + step, features, False))
    clean = Task.loss(targets, model(features))
    losses, _ = built("fgm", epsilon=0.3, weight=0.5)(model, features, targets, training=False)
    np.testing.assert_allclose(losses, (clean + 0.5 * worst) / 1.5, rtol=1e-4)


@pytest.mark.parametrize(("name", "steps", "passes"), [("fgm", 1, 2), ("pgd", 3, 4)])
def test_weights_learn_from_the_text_and_its_neighbour_alone(name, steps, passes):
    """The way to the neighbour is found in the pass over the text, and teaches nothing itself."""
    (model, features, targets), seen = example(), []
    embed, answer = cut.Cut()(model)

    def loss(targets, logits):
        seen.append(logits)
        return Task.loss(targets, logits)

    module = registry.load("objective", name)
    settings = {"steps": steps, "step": 1.0} if name == "pgd" else {}
    config = module.Config(epsilon=0.3, **settings)
    with tf.GradientTape() as tape:
        losses, _ = module.build(config, loss)(model, features, targets, training=False)
        total = tf.reduce_sum(losses)
    actual = tape.gradient(total, [v.value for v in model.trainable_variables])
    assert len(seen) == passes

    x = embed(features, False)
    ball = embedded.Ball(x, features, 0.3, "l2")
    delta = ball.climb(lambda x: Task.loss(targets, answer(x, features, False)), steps, 1.0)
    with tf.GradientTape() as tape:
        x = embed(features, False)
        both = (x, x + delta)
        total = sum(tf.reduce_sum(Task.loss(targets, answer(x, features, False))) for x in both) / 2
    expected = tape.gradient(total, [v.value for v in model.trainable_variables])
    for one, other in zip(actual, expected, strict=True):
        one, other = (np.asarray(tf.convert_to_tensor(part)) for part in (one, other))
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def trained(name, **settings):
    """The weights after a fit."""
    keras.utils.set_random_seed(2)
    model = least_model()
    fit(
        model,
        config=TrainConfig(epochs=2, batch_size=8, learning_rate=0.01),
        objective=built(name, **settings),
        batches=FakeBatches(),
        strategy=make("one_device"),
        evaluate=scores(0.1, 0.2),
        headline="accuracy",
    )
    return [weight.numpy() for weight in model.weights]


@functools.cache
def trained_plainly():
    return trained("plain")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        # It is pgd with a single step.
        pytest.param("fgm", {"epsilon": 0.0}, marks=pytest.mark.slow),
        pytest.param("fgm", {"weight": 0.0}, marks=pytest.mark.slow),
        ("pgd", {"epsilon": 0.0, "steps": 2}),
        ("freelb", {"epsilon": 0.0, "steps": 2}),
        ("vat", {"weight": 0.0}),
        ("r_drop", {"weight": 0.0}),  # without dropout both passes say the same
    ],
)
def test_an_adversary_without_strength_equals_plain_training(name, settings):
    for one, other in zip(trained(name, **settings), trained_plainly(), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("fgm", marks=pytest.mark.slow),  # draws nothing
        pytest.param("pgd", marks=pytest.mark.slow),
        "freelb",
        "vat",
    ],
)
def test_a_repeated_fit_is_the_same(name):
    one, other = trained(name, epsilon=0.3), trained(name, epsilon=0.3)
    assert all(np.array_equal(*pair) for pair in zip(one, other, strict=True))
    pairs = zip(one, trained_plainly(), strict=True)
    assert not all(np.allclose(*pair, atol=1e-3) for pair in pairs)


def test_freelb_is_the_mean_of_its_steps():
    model, features, targets = example()
    seen = []

    def loss(targets, logits):
        seen.append(Task.loss(targets, logits))
        return seen[-1]

    config = freelb.Config(epsilon=0.4, steps=3, start=0.0)
    mean, _ = freelb.build(config, loss, seed=1)(model, features, targets, training=False)
    asked = [part.numpy() for part in seen]
    assert len(asked) == 3  # a pass that teaches shows the way too
    np.testing.assert_allclose(asked[0], Task.loss(targets, model(features)), rtol=1e-5)
    assert asked[2].mean() > asked[1].mean() > asked[0].mean()
    np.testing.assert_allclose(mean, sum(asked) / 3, rtol=1e-5)


def test_vat_needs_no_labels():
    model, features, targets = example()
    config = vat.Config(epsilon=0.5, weight=1.0)
    none = {"label": np.zeros(64, "int32")}

    def nothing(targets, logits):
        return tf.zeros(64)

    objective = vat.build(config, nothing, task=Task, seed=1)
    change = objective(model, features, targets, training=False)[0].numpy()
    np.testing.assert_array_equal(change, objective(model, features, none, training=False)[0])
    assert (change > 0).all()
    farther = vat.build(vat.Config(epsilon=1.0), nothing, task=Task, seed=1)
    assert farther(model, features, none, training=False)[0].numpy().mean() > change.mean()


def test_r_drop_is_the_divergence_of_two_draws_of_dropout():
    keras.utils.set_random_seed(3)
    model = tiny_model(dropout=0.5)
    ids = FakeBatches().ids
    features = {"token_ids": ids, "padding_mask": np.ones_like(ids)}
    targets = {"label": np.zeros(len(ids), "int32")}
    losses = [
        r_drop.build(r_drop.Config(weight=weight), Task.loss, task=Task)(
            model, features, targets, training=training
        )[0].numpy()
        for weight, training in ((5.0, True), (0.0, False), (5.0, False))
    ]
    np.testing.assert_allclose(losses[1], losses[2], atol=1e-6)
    assert losses[0].mean() > losses[1].mean() + 0.01


def test_fgm_is_pgd_with_one_step():
    model, features, targets = example()
    one = fgm.build(fgm.Config(norm="max"), Task.loss)
    other = pgd.build(pgd.Config(norm="max", steps=1, step=1.0), Task.loss)
    losses = [o(model, features, targets, training=False)[0] for o in (one, other)]
    np.testing.assert_array_equal(*losses)
    clean = plain.build(plain.Config(), Task.loss)(model, features, targets, training=False)[0]
    assert losses[0].numpy().mean() > clean.numpy().mean()
