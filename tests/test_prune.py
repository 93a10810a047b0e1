"""Pruning: the toolkit's schedules and masks on Keras 3 weights, and zeros that stay zero."""

import io

import keras
import numpy as np
import pytest
from fitting import FakeBatches, Task, scores, tiny_model
from pydantic import ValidationError
from running import on_two_devices

from tfapps.compress import prune
from tfapps.config.sections import TrainConfig
from tfapps.errors import InputError
from tfapps.graph import weights
from tfapps.train.loop import fit
from tfapps.train.objectives import plain
from tfapps.train.strategy import make

ROWS, BATCH = 40, 8
STEPS = ROWS // BATCH
KERNELS = {f"{name}/kernel" for name in ("block_0_dense", "block_1_dense", "pooling_dense")}


def config(**fields):
    return prune.Config(**{"epochs": 3, "frequency": 2, **fields})


def train(model, epochs, callbacks=(), best_from=1, **fields):
    """Fit on toy batches; each epoch is better than the one before."""
    return fit(
        model,
        config=TrainConfig(**{"learning_rate": 0.01, "epochs": epochs, **fields}, batch_size=BATCH),
        objective=plain.build(plain.Config(), Task.loss),
        batches=FakeBatches(rows=ROWS, batch_size=BATCH),
        strategy=make("one_device"),
        evaluate=scores(*np.linspace(0.1, 0.9, epochs)),
        headline="accuracy",
        stream=io.StringIO(),
        callbacks=callbacks,
        best_from=best_from,
    )


def pruned(config, model, **fields):
    """What the compress stage does; returns the callback."""
    callbacks = prune.callbacks(config, model, config.epochs * STEPS)
    train(model, config.epochs, callbacks, prune.ready(config), **fields)
    prune.finish(config, model)
    return callbacks[0]


def zeros(config, model):
    return {path: np.asarray(w) == 0 for path, w in prune.prunable(config, model).items()}


def fresh(**fields):
    keras.utils.set_random_seed(1)
    return tiny_model(**fields)


@pytest.mark.parametrize("schedule", ["polynomial", "constant"])
def test_every_layer_reaches_the_sparsity(schedule):
    item, model = config(sparsity=0.75, schedule=schedule), fresh()
    callback = pruned(item, model)
    actual = zeros(item, model)
    assert set(actual) == KERNELS
    assert [mask.mean() for mask in actual.values()] == [0.75] * 3
    assert callback.scalars() == {f"sparsity/{path}": 0.75 for path in KERNELS}
    assert prune.report(item, model) == {"sparsity": 0.75, "zeros": 81}


def test_two_of_four_inputs_of_every_output_are_zero():
    item, model = config(m_by_n=(2, 4), include=("wide/kernel",), exclude=()), fresh()
    wide = keras.layers.Dense(5, name="wide")(keras.Input((16,)))
    model = keras.Model(wide._keras_history.operation.input, wide)
    prune.finish(item.model_copy(update={"epochs": 0}), model)
    mask = zeros(item, model)["wide/kernel"]
    assert (mask.T.reshape(5, 4, 4).sum(-1) == 2).all()


def test_a_block_goes_or_stays_as_a_whole():
    item, model = config(sparsity=0.5, block=(3, 2), pooling="MAX"), fresh()
    pruned(item, model)
    for mask in zeros(item, model).values():
        blocks = mask.reshape(2, 3, 3, 2).transpose(0, 2, 1, 3).reshape(6, 6)
        assert (blocks.all(-1) | ~blocks.any(-1)).all()
        assert blocks.all(-1).sum() == 3


def test_no_sparsity_changes_nothing():
    untouched, model = fresh(), fresh()
    train(untouched, 3)
    pruned(config(sparsity=0.0), model)
    for left, right in zip(untouched.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_without_epochs_it_prunes_at_once():
    item, model = config(sparsity=0.75, epochs=0), fresh()
    before = {path: np.abs(w) for path, w in prune.prunable(item, model).items()}
    prune.finish(item, model)
    for path, mask in zeros(item, model).items():
        assert mask.sum() == 27
        assert before[path][mask].max() <= before[path][~mask].min()


def test_zeros_survive_a_save_and_a_later_fit_with_decay_and_momentum(tmp_path):
    item, model = config(sparsity=0.75), fresh()
    pruned(item, model)
    before = zeros(item, model)
    weights.save(model, tmp_path / "w.safetensors")
    again = tiny_model()
    weights.load(again, tmp_path / "w.safetensors")
    prune.hold(item, again)
    train(again, 2, weight_decay=0.1, l2=0.01)
    for path, mask in zeros(item, again).items():
        np.testing.assert_array_equal(mask, before[path])
    assert any(
        (left != right).any()
        for left, right in zip(model.get_weights(), again.get_weights(), strict=True)
    )


def test_only_what_is_held_keeps_its_zeros():
    item, model = config(sparsity=0.75, epochs=0), fresh()
    prune.finish(item, model)
    train(model, 1)
    assert prune.report(item, model)["zeros"] == 0


def test_include_and_exclude_are_patterns_of_paths():
    item = config(sparsity=0.5, include=("block_*", "embedding*"), exclude=("block_1*",))
    paths = {"block_0_dense/kernel", "embedding_tokens/embeddings"}
    assert set(prune.prunable(item, tiny_model())) == paths


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"include": ("blok_*",)}, r"prune.include: 'blok_\*' matches no weight; .*block_0_dense"),
        ({"exclude": ("*bias",)}, r"prune.exclude: '\*bias' matches no weight"),
        ({"exclude": ("*kernel",)}, "no weight is selected"),
    ],
)
def test_patterns_that_cannot_be_meant_are_refused(fields, text):
    with pytest.raises(InputError, match=text):
        prune.callbacks(config(sparsity=0.5, **fields), tiny_model(), 10)


def test_blocks_are_for_matrices():
    x = keras.layers.Conv1D(4, 3, name="conv")(keras.Input((8, 4)))
    model = keras.Model(x._keras_history.operation.input, x)
    with pytest.raises(InputError, match="prune.block: expected matrices, conv/kernel is not one"):
        prune.prunable(config(sparsity=0.5, block=(1, 4)), model)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "got neither sparsity nor m_by_n"),
        ({"sparsity": 1.0}, "less than 1"),
        ({"sparsity": 0.5, "m_by_n": (2, 4)}, "got both sparsity and m_by_n, .* 0.5"),
        ({"block": (1, 4), "m_by_n": (2, 4)}, "got both block and m_by_n"),
        ({"m_by_n": (4, 4)}, "0 < m < n"),
        ({"sparsity": 0.5, "initial_sparsity": 0.6}, "no more than sparsity, 0.5"),
        ({"sparsity": 0.5, "initial_sparsity": 0.1, "schedule": "constant"}, "polynomial schedule"),
        ({"sparsity": 0.5, "begin": 0.6, "end": 0.6}, "less than end, 0.6"),
        ({"sparsity": 0.5, "block": (0, 4)}, "two sizes of 1 or more"),
    ],
)
def test_an_invalid_config_is_refused(fields, text):
    with pytest.raises(ValidationError, match=text):
        prune.Config(**fields)


@pytest.mark.parametrize("epochs", [1, 2, 3, 5])
@pytest.mark.parametrize("end", [0.3, 0.5, 0.6, 2 / 3, 1.0])
@pytest.mark.parametrize("per_epoch", [1, 7])
def test_the_first_epoch_that_may_be_best_is_the_first_at_full_sparsity(epochs, end, per_epoch):
    item = prune.Config(sparsity=0.5, epochs=epochs, end=end, frequency=3)
    steps = epochs * per_epoch
    last = max(step for step in range(steps) if prune.Pruning(item, steps).updates_at(step))
    assert float(prune.Pruning(item, steps).schedule(last)[1]) == 0.5
    assert last < prune.ready(item) * per_epoch


FORMS = {
    "plain": {"sparsity": 0.8},
    "slow": {"sparsity": 0.8, "initial_sparsity": 0.2, "power": 1.0},
    "constant": {"sparsity": 0.8, "schedule": "constant"},
    "1x4": {"sparsity": 0.8, "block": (1, 4)},
    "1x16": {"sparsity": 0.8, "block": (1, 16), "pooling": "MAX"},
    "16x1": {"sparsity": 0.8, "block": (16, 1)},
    "2:4": {"m_by_n": (2, 4)},
}


@pytest.mark.parametrize("form", FORMS)
def test_masks_thresholds_and_schedule_are_those_of_the_toolkits_wrapper(form):
    prune._toolkit()  # the toolkit decides at its first import which Keras it wraps
    import tensorflow_model_optimization as tfmot
    import tf_keras

    item = prune.Config(**FORMS[form], begin=0.2, end=0.6, frequency=10)
    ours = prune.Pruning(item, 100)
    if item.m_by_n:
        theirs = tfmot.sparsity.keras.ConstantSparsity(0.5, 20)
    elif item.schedule == "constant":
        theirs = tfmot.sparsity.keras.ConstantSparsity(0.8, 20, 60, 10)
    else:
        theirs = tfmot.sparsity.keras.PolynomialDecay(
            item.initial_sparsity, 0.8, 20, 60, item.power, 10
        )
    if not item.m_by_n:
        for step in range(100):
            due, sparsity = theirs(step)
            assert (ours.updates_at(step), float(ours.schedule(step)[1])) == (
                bool(due),
                float(sparsity),
            )
    layer = tf_keras.layers.Dense(40)
    wrapper = tfmot.sparsity.keras.prune_low_magnitude(
        layer,
        pruning_schedule=theirs,
        block_size=item.block or (1, 1),
        block_pooling_type=item.pooling,
        sparsity_m_by_n=item.m_by_n,
    )
    wrapper.build((None, 32))
    kernel = keras.Variable(np.random.default_rng(0).normal(size=(32, 40)).astype("float32"))
    layer.kernel.assign(kernel.numpy())
    for step in (1,) if item.m_by_n else (20, 30, 50, 60):
        wrapper.pruning_step.assign(step)
        wrapper.pruning_obj.conditional_mask_update()
        _, mask, threshold = wrapper.pruning_vars[0]
        drawn, magnitude = ours.mask(kernel, step)
        np.testing.assert_array_equal(drawn, mask.numpy())
        assert magnitude == float(threshold)
    assert 0.4 < 1 - np.mean(drawn) < 0.85


PROGRAM = """
import io, json, os, sys
import keras, numpy as np, tensorflow as tf
from fitting import FakeBatches, Task, scores, tiny_model
from tfapps.compress import prune
from tfapps.config.sections import TrainConfig
from tfapps.train.loop import fit
from tfapps.train.objectives import plain
from tfapps.train.strategy import make

item = prune.Config(sparsity=0.75, epochs=3, frequency=2)
strategy = make("mirrored")
with strategy.scope():
    model = prune.build(item, tiny_model(), {})
light = "tensorflow_model_optimization" not in sys.modules

def train(callbacks):
    fit(model, config=TrainConfig(batch_size=8, learning_rate=0.01, epochs=3, weight_decay=0.1),
        objective=plain.build(plain.Config(), Task.loss), batches=FakeBatches(rows=35),
        strategy=strategy, evaluate=scores(0.1, 0.2, 0.3), headline="accuracy",
        stream=io.StringIO(), callbacks=callbacks, best_from=prune.ready(item))

def zeros():
    return [np.asarray(w) == 0 for w in prune.prunable(item, model).values()]

with strategy.scope():
    callbacks = prune.callbacks(item, model, 15)
train(callbacks)
first = zeros()
for weight in model.weights:
    weight.constraint = None
with strategy.scope():
    prune.hold(item, model)
train([])
apart = max(
    np.ptp([copy.numpy() for copy in strategy.experimental_local_results(v.value)], 0).max()
    for v in model.weights + model.optimizer.variables
)
print(json.dumps({
    "replicas": strategy.num_replicas_in_sync,
    "sparsity": [float(mask.mean()) for mask in first],
    "kept": all((a == b).all() for a, b in zip(first, zeros())),
    "apart": float(apart),
    "light": light,
    "environment": os.environ.get("TF_USE_LEGACY_KERAS"),
}))
"""


@pytest.mark.slow
def test_two_replicas_are_pruned_alike_and_building_needs_no_toolkit():
    assert on_two_devices(PROGRAM) == {
        "replicas": 2,
        "sparsity": [0.75] * 3,
        "kept": True,
        "apart": 0.0,
        "light": True,
        "environment": None,
    }
