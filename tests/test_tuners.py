"""Properties of tuners that add layers to a model, or slow parts of it down."""

import io

import keras
import numpy as np
import pytest
from fitting import scores
from qat_models import classifier, given
from rounding import assert_same_sums, longest_sum

from tfapps.config.sections import TrainConfig
from tfapps.errors import InputError
from tfapps.graph import weights
from tfapps.graph.clone import clone
from tfapps.train.loop import fit
from tfapps.train.strategy import make
from tfapps.tuning import _budget, adalora, adapter, bitfit, gradual, layerwise, lora, prefix
from tfapps.tuning._depth import depths
from tfapps.tuning._products import products


def values(model):
    return {path: weight.numpy() for path, weight in weights.variables(model).items()}


def shaken(model, seed=3):
    """The model with changed values of all trainable weights."""
    random = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(weight + random.normal(0, 0.05, weight.shape))
    return model


def answers(model):
    return np.asarray(model(given(model)))


TUNERS = {
    "lora": (lora, lora.Config(rank=3, alpha=6)),
    "adalora": (adalora, adalora.Config(rank=2, alpha=6)),
    "houlsby": (adapter, adapter.Config(size=5)),
    "pfeiffer": (adapter, adapter.Config(size=5, form="pfeiffer")),
    "prefix": (prefix, prefix.Config(length=4, hidden=7)),
    "plain prefix": (prefix, prefix.Config(length=4, hidden=None)),
    "bitfit": (bitfit, bitfit.Config()),
}


def tuned(name, base=None):
    module, config = TUNERS[name]
    base = base or classifier()
    model = module.Tuner.apply(config, module.Tuner.build(config, base))
    return model, lambda model: module.Tuner.merge(config, model)


@pytest.mark.parametrize("name", ["lora", "adalora", "houlsby", "pfeiffer", "bitfit"])
def test_at_first_nothing_changes(name):
    base = classifier()
    expected = answers(base)
    assert_same_sums(answers(tuned(name, base)[0]), expected, longest_sum(base))


@pytest.mark.parametrize("name", TUNERS)
def test_merged_equals_unmerged(name):
    model, merge = tuned(name)
    before = answers(model)
    expected = answers(shaken(model))
    assert np.abs(expected - before).max() > 1e-2
    assert_same_sums(answers(merge(model)), expected, longest_sum(model))


@pytest.mark.parametrize("name", ["lora", "adalora"])
def test_merged_has_no_more_weights_than_before(name):
    base = classifier()
    model, merge = tuned(name, base)
    assert list(weights.variables(merge(model))) == list(weights.variables(base))


@pytest.mark.parametrize("name", TUNERS)
def test_only_what_was_added_trains(name):
    base = classifier()
    old = {weight.path for weight in base.weights}
    model, _ = tuned(name, base)
    trained = {weight.path for weight in model.trainable_variables}
    assert {path for path in trained if path.startswith("head")} == {"head/kernel", "head/bias"}
    rest = {path for path in trained & old if not path.startswith("head")}
    if name == "bitfit":
        biases = {path for path in old if path.endswith(("/bias", "/beta"))}
        assert rest == biases - {"head/bias"}
    elif name in ("houlsby", "pfeiffer"):
        assert rest
        assert all("norm/" in path for path in rest)
    else:
        assert not rest
    assert trained - old or name == "bitfit"


def test_a_prefix_of_length_0_changes_nothing():
    base = classifier()
    config = prefix.Config(length=0)
    model = prefix.apply(config, prefix.build(config, clone(base)))
    assert list(weights.variables(model)) == list(weights.variables(base))
    np.testing.assert_array_equal(answers(model), answers(base))


def test_attention_to_a_prefix_equals_numpy():
    from tfapps.layers.attention import SelfAttention

    random = np.random.default_rng(0)
    x = random.normal(size=(2, 5, 8)).astype("float32")
    bias = np.where(np.arange(5) < 3, 0, -1e4).astype("float32")[None, None, None]
    bias = np.repeat(bias, 2, axis=0)
    layer = SelfAttention(2, prefix_length=3)
    layer.build(x.shape)
    layer.prefix.pairs.assign(random.normal(size=(2, 3, 8)))
    q, k, v = np.split(x @ np.asarray(layer.qkv.kernel), 3, axis=-1)
    keys, parts = np.asarray(layer.prefix.pairs)
    k = np.concatenate([np.repeat(keys[None], 2, 0), k], axis=1)
    v = np.concatenate([np.repeat(parts[None], 2, 0), v], axis=1)
    rows = [part.reshape(2, -1, 2, 4).transpose(0, 2, 1, 3) for part in (q, k, v)]
    scores = rows[0] @ rows[1].transpose(0, 1, 3, 2) / 2 + np.pad(bias, [(0, 0)] * 3 + [(3, 0)])
    mixed = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True) @ rows[2]
    expected = mixed.transpose(0, 2, 1, 3).reshape(2, 5, 8) @ np.asarray(
        layer.output_projection.kernel
    )
    np.testing.assert_allclose(layer(x, bias), expected, atol=1e-5)


def test_lora_equals_a_kernel_of_low_rank():
    base = classifier()
    model, _ = tuned("lora", base)
    shaken(model)
    low = products(model)["block_0_attention/qkv"].low_rank
    down, up = np.asarray(low.down), np.asarray(low.up)
    assert down.shape[1] == up.shape[0] == 3
    np.testing.assert_allclose(low.kernel(), down @ up * 6 / 3, atol=1e-6)


@pytest.mark.parametrize(
    ("module", "config", "text"),
    [
        (
            lora,
            lora.Config(targets=("block_*_ouput",)),
            r"'block_\*_ouput' matches no kernel; .*qkv",
        ),
        (adalora, adalora.Config(targets=("lstm",)), r"tuning.targets: 'lstm' matches no kernel"),
    ],
)
def test_a_pattern_that_matches_nothing_is_refused(module, config, text):
    with pytest.raises(InputError, match=text):
        module.apply(config, classifier())


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (adapter, "adapter: the model has no transformer blocks"),
        (prefix, "prefix: the model has no attention"),
    ],
)
def test_models_without_a_place_are_refused(module, text):
    with pytest.raises(InputError, match=text):
        module.build(module.Config(), classifier("bilstm"))


def test_lora_of_a_model_without_products_is_refused():
    with pytest.raises(InputError, match=r"'\*' matches no kernel; the model has none to tune"):
        lora.apply(lora.Config(), classifier("bilstm"))


def test_depth_counts_from_the_head():
    depth = depths(classifier())
    assert [depth(path) for path in ("head/kernel", "block_1_output/bias", "block_0_x/y")] == [
        0,
        1,
        2,
    ]
    assert depth("embeddings/token") == 3


class Rows:
    """Batches of the rows that `qat_models` gives, with labels a head can learn."""

    batch_size, steps_per_epoch = 16, 4

    def epoch(self, epoch, start=0):
        import tensorflow as tf

        features = given(classifier())
        labels = (features["token_ids"][:, 0] % 3).astype("int32")
        rows = (features, {"label": labels}, np.ones(64, "float32"))
        return tf.data.Dataset.from_tensor_slices(rows).batch(16)


def fitted(model, callbacks, place="one_device", **settings):
    def objective(model, features, targets, training):
        logits = model(features, training=training)
        return keras.losses.sparse_categorical_crossentropy(
            targets["label"], logits, from_logits=True
        ), logits

    same = {"epochs": 1, "learning_rate": 0.01, "schedule": "constant", "warmup": 0.0}
    settings = same | settings
    fit(
        model,
        config=TrainConfig(**settings),
        objective=objective,
        batches=Rows(),
        strategy=place if not isinstance(place, str) else make(place),
        evaluate=scores(*([0.5] * settings["epochs"])),
        headline="accuracy",
        callbacks=callbacks,
        stream=io.StringIO(),
    )
    return model


def moved(model, before):
    """How much the weights of each layer changed."""
    return {
        path: np.abs(value - before[path]).max()
        for path, value in values(model).items()
        if path.endswith("kernel")
    }


def test_layerwise_slows_the_lower_blocks_down():
    model = classifier()
    before = values(model)
    config = layerwise.Config(decay=0.1)
    far = moved(fitted(model, layerwise.callbacks(config, model, 4), clip_norm=None), before)
    top, low = far["block_1_output/kernel"], far["block_0_output/kernel"]
    assert 5 < far["head/kernel"] / top < 20
    assert 5 < top / low < 20


def test_a_decay_of_1_changes_nothing():
    one, other = classifier(), classifier()
    fitted(one, layerwise.callbacks(layerwise.Config(decay=1.0), one, 4))
    fitted(other, [])
    for path, value in values(one).items():
        np.testing.assert_array_equal(value, values(other)[path], err_msg=path)


def test_gradual_unfreezes_from_the_top():
    model = classifier()
    seen = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append({path for path, far in moved(model, before).items() if far > 0})

    before = values(model)
    fitted(model, [*gradual.callbacks(gradual.Config(share=0.75), model, 4), Look()])
    assert {path.split("_")[0] for path in seen[0]} == {"head/kernel"}
    assert any("block_1" in path for path in seen[1])
    assert not any("block_0" in path for path in seen[1])
    assert any("block_0" in path for path in seen[2])


# The budget of AdaLoRA


def test_the_budget_falls_along_a_cube():
    ranks = [_budget.allowed(step, 100, 12, 8, 0.1, 0.4) for step in range(101)]
    assert ranks[0] == ranks[10] == 12
    assert ranks[60] == ranks[100] == 8
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[35] == round(8 + 4 * 0.5**3)


def test_the_best_ranks_are_kept_over_all_kernels():
    kept = _budget.best({"a": np.array([3.0, 1.0]), "b": np.array([2.0, 0.5, 4.0])}, 3)
    assert kept["a"].tolist() == [1, 0]
    assert kept["b"].tolist() == [1, 0, 1]


def test_adalora_ends_with_the_ranks_asked_for():
    config = adalora.Config(rank=2, every=1, settled=0.25)
    model = adalora.apply(config, classifier())
    callbacks = adalora.callbacks(config, model, 8)
    fitted(model, callbacks, epochs=2)
    lows = [part.low_rank for part in products(model).values()]
    open_ranks = [int((np.asarray(low.values) * np.asarray(low.gate) != 0).sum()) for low in lows]
    assert sum(open_ranks) == 2 * len(lows)
    assert {low.rank for low in lows} == {3}
    assert callbacks[0].scalars() == {"ranks": 2 * len(lows)}
    assert adalora.ready(config, 2) == 1.5


def test_importance_is_that_of_the_paper():
    config = adalora.Config(rank=2, smoothing=0.6)
    model = shaken(adalora.apply(config, classifier()))
    (budget,) = adalora.callbacks(config, model, 8)
    random = np.random.default_rng(0)
    importance, doubt = 0.0, 0.0
    path = "block_0_output/low_rank/down"
    weight = np.asarray(budget.weights[path])
    for _ in range(3):
        gradients = {p: random.normal(size=w.shape) for p, w in budget.weights.items()}
        budget.watch(gradients)
        now = np.abs(weight * gradients[path])
        importance = 0.6 * importance + 0.4 * now
        doubt = 0.6 * doubt + 0.4 * np.abs(now - importance)
    np.testing.assert_allclose(budget.importance[path], importance, rtol=1e-4)
    np.testing.assert_allclose(budget.doubt[path], doubt, rtol=1e-4, atol=1e-7)
    low = budget.kernels["block_0_output"]
    parts = {name: getattr(low, name).path for name in _budget.FACTORS}
    score = {
        name: np.asarray(budget.importance[path]) * np.asarray(budget.doubt[path])
        for name, path in parts.items()
    }
    expected = score["values"] + score["down"].mean(0) + score["up"].mean(1)
    np.testing.assert_allclose(budget._score(low), expected, rtol=1e-5)


def test_orthogonality_is_a_penalty_of_the_loss():
    model, _ = tuned("adalora")
    assert sum(float(loss) for loss in model.losses) < 1e-6  # nothing to mend at first
    low = products(model)["block_1_output"].low_rank
    down = np.random.default_rng(0).normal(size=low.down.shape)
    low.down.assign(down)
    expected = 0.1 * ((down.T @ down - np.eye(3)) ** 2).sum()
    assert any(np.isclose(float(loss), expected, rtol=1e-5) for loss in model.losses)
    assert len(model.losses) == 2 * len(products(model))


def test_a_start_below_the_end_is_refused():
    with pytest.raises(ValueError, match="start_rank: got 4, expected at least rank, 8"):
        adalora.Config(start_rank=4)
    with pytest.raises(ValueError, match="warmup and settled: got 0.5 and 0.6"):
        adalora.Config(warmup=0.5, settled=0.6)
