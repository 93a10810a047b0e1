"""AdamW equals the Keras one where the rules agree, and follows its own rules elsewhere."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from rounding import assert_same_sums

from tfapps.train.optimizers.adamw import IN_HEAD, AdamW, decays, penalised
from tfapps.train.optimizers.lamb import Lamb
from tfapps.train.optimizers.make import make
from tfapps.train.optimizers.muon import Muon, orthogonal

PATHS = {
    "embedding_tokens/embeddings": (True, False, False),
    "block_0_attention/qkv/kernel": (True, True, False),
    "block_0_attention/qkv/bias": (False, False, False),
    "block_0_norm/gamma": (False, False, False),
    "block_0_norm/beta": (False, False, False),
    "head_logits/kernel": (True, True, True),
    "head_logits/bias": (False, False, True),
    "lstm_0/forward/recurrent_kernel": (True, True, False),
    "embedding_projection/kernel": (True, False, False),
    "block_0_overhead/kernel": (True, True, False),
}


@pytest.mark.parametrize(("path", "expected"), PATHS.items())
def test_rules_by_path(path, expected):
    assert (decays(path), penalised(path), IN_HEAD(path)) == expected


def weights(seed=0):
    rng = np.random.default_rng(seed)
    layers = [
        keras.layers.Embedding(11, 4, name="embedding"),
        keras.layers.Dense(5, name="block_0_dense"),
        keras.layers.LayerNormalization(name="block_0_norm"),
    ]
    layers[0].build()
    layers[1].build((None, 4))
    layers[2].build((None, 5))
    variables = [v for layer in layers for v in layer.trainable_variables]
    for v in variables:
        v.assign(rng.normal(size=v.shape))
    return variables


def keras_adamw(rate, decay):
    optimizer = keras.optimizers.AdamW(rate, weight_decay=decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def gradients(variables, rng, sparse):
    grads = [tf.constant(rng.normal(size=v.shape), tf.float32) for v in variables]
    if sparse:
        rows = tf.constant([3, 7, 1])
        values = tf.constant(rng.normal(size=(3, 4)), tf.float32)
        grads[0] = tf.IndexedSlices(values, rows, tf.constant([11, 4]))
    return grads


@pytest.mark.parametrize(
    ("compiled", "sparse"),
    [
        (True, True),
        (False, False),
        pytest.param(True, False, marks=pytest.mark.slow),
        pytest.param(False, True, marks=pytest.mark.slow),
    ],
)
def test_fifty_steps_equal_keras(sparse, compiled):
    results = []
    for optimizer in (AdamW(1e-3, weight_decay=0.1), keras_adamw(1e-3, 0.1)):
        variables = weights()
        optimizer.build(variables)

        apply = tf.function(optimizer.apply) if compiled else optimizer.apply
        rng = np.random.default_rng(1)
        for _ in range(50):
            apply(gradients(variables, rng, sparse))
        results.append([v.numpy() for v in variables])
    for ours, theirs in zip(*results, strict=True):
        assert_same_sums(ours, theirs, terms=50)  # a weight is the sum of its steps


def test_rows_that_come_twice_in_a_sparse_gradient_are_summed():
    dense, sparse = weights(), weights()
    rest = [tf.zeros(v.shape) for v in dense[1:]]
    values = tf.constant([[1.0] * 4, [2.0] * 4, [4.0] * 4])
    slices = tf.IndexedSlices(values, tf.constant([5, 5, 2]), tf.constant([11, 4]))
    for variables, first in ((dense, tf.convert_to_tensor(slices)), (sparse, slices)):
        optimizer = AdamW(1e-2)
        optimizer.build(variables)
        for _ in range(3):
            optimizer.apply([first, *rest], variables)
    np.testing.assert_array_equal(dense[0].numpy(), sparse[0].numpy())


def test_a_factor_multiplies_rate_and_decay():
    results = []
    for rate, factor in ((1e-2, lambda path: 0.5), (5e-3, lambda path: 1.0)):
        variables = weights()
        optimizer = AdamW(rate, weight_decay=0.1, factor=factor)
        optimizer.build(variables)
        rng = np.random.default_rng(1)
        for _ in range(5):
            optimizer.apply(gradients(variables, rng, False), variables)
        results.append([v.numpy() for v in variables])
    for halved, low in zip(*results, strict=True):
        np.testing.assert_allclose(halved, low, atol=1e-7)


def test_a_factor_goes_by_path():
    variables = weights()
    before = [v.numpy() for v in variables]
    optimizer = AdamW(1e-2, factor=lambda path: 0.0 if path.startswith("embedding") else 1.0)
    optimizer.build(variables)
    optimizer.apply(gradients(variables, np.random.default_rng(1), False), variables)
    moved = [bool((v.numpy() != b).any()) for v, b in zip(variables, before, strict=True)]
    assert moved == [False, True, True, True, True]


def test_decay_alone_pulls_on_kernels_by_rate_times_decay():
    variables = weights()
    before = {v.path: v.numpy() for v in variables}
    optimizer = AdamW(0.1, weight_decay=0.5)
    optimizer.build(variables)
    optimizer.apply([tf.zeros(v.shape) for v in variables], variables)
    for v in variables:
        expected = before[v.path] * (0.95 if decays(v.path) else 1.0)
        np.testing.assert_allclose(v.numpy(), expected, rtol=1e-6)


def test_constraints_hold_after_a_step():
    variables = weights()
    variables[1].constraint = keras.constraints.NonNeg()
    optimizer = AdamW(1e-2)
    optimizer.build(variables)
    optimizer.apply(gradients(variables, np.random.default_rng(1), False), variables)
    assert (variables[1].numpy() >= 0).all()


def test_a_schedule_sets_the_rate():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.0, 1e-2])
    variables = weights()
    before = variables[1].numpy()
    optimizer = AdamW(schedule)
    optimizer.build(variables)
    grads = gradients(variables, np.random.default_rng(1), False)
    optimizer.apply(grads, variables)
    np.testing.assert_array_equal(variables[1].numpy(), before)
    optimizer.apply(grads, variables)
    assert (variables[1].numpy() != before).any()


def test_loss_scaling_skips_a_step_that_overflowed():
    variables = weights()
    before = [v.numpy() for v in variables]
    optimizer = make(1e-2, weight_decay=0.1, loss_scaling=True)
    optimizer.build(variables)
    scale = float(optimizer.dynamic_scale.numpy())
    optimizer.apply([tf.fill(v.shape, np.inf) for v in variables], variables)
    assert float(optimizer.dynamic_scale.numpy()) == scale / 2
    for v, b in zip(variables, before, strict=True):
        np.testing.assert_array_equal(v.numpy(), b)


def test_amsgrad_is_refused():
    with pytest.raises(ValueError, match="amsgrad has no fused kernel"):
        AdamW(amsgrad=True)


def test_lamb_equals_keras_where_nothing_decays():
    results = []
    ours = Lamb(1e-2, weight_decay=0.0, exclude=lambda path: False, epsilon=1e-7)
    for optimizer in (ours, keras.optimizers.Lamb(1e-2, epsilon=1e-7)):
        variables = weights()
        optimizer.build(variables)
        rng = np.random.default_rng(1)
        for _ in range(20):
            optimizer.apply(gradients(variables, rng, sparse=False), variables)
        results.append([np.asarray(v) for v in variables])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6, rtol=1e-5)


def test_lamb_moves_a_kernel_by_a_share_of_its_norm_and_a_bias_as_adamw_does():
    variables, others = weights(), weights()
    optimizer, adamw = make(0.01, name="lamb", weight_decay=0.1), make(0.01, weight_decay=0.1)
    before = [v.numpy() for v in variables]
    for one, trained in ((optimizer, variables), (adamw, others)):
        one.build(trained)
        one.apply(gradients(trained, np.random.default_rng(1), sparse=False), trained)
    for was, now, plain in zip(before, variables, others, strict=True):
        moved = np.linalg.norm(np.asarray(now) - was)
        if decays(now.path):
            assert moved == pytest.approx(0.01 * np.linalg.norm(was), rel=1e-4)
        else:
            np.testing.assert_allclose(now, plain, atol=1e-7)


def test_muon_equals_keras_for_a_kernel():
    rng = np.random.default_rng(0)
    start, steps = rng.normal(size=(6, 4)), rng.normal(size=(20, 6, 4))
    results = []
    theirs = keras.optimizers.Muon(1e-2, weight_decay=0.1)
    for optimizer in (Muon(1e-2, weight_decay=0.1), theirs):
        layer = keras.layers.Dense(4, name="block_0_dense", use_bias=False)
        layer.build((None, 6))
        kernel = layer.kernel
        kernel.assign(start)
        optimizer.build([kernel])
        for gradient in steps:
            optimizer.apply([tf.constant(gradient, tf.float32)], [kernel])
        results.append(np.asarray(kernel))
    np.testing.assert_allclose(*results, atol=1e-6, rtol=1e-5)


def test_muon_moves_tables_norms_and_heads_as_adamw_does():
    variables, others = weights(), weights()
    for name, moved in (("muon", variables), ("adamw", others)):
        head = keras.layers.Dense(3, name="head_logits", kernel_initializer="ones")
        head.build((None, 5))
        moved.extend(head.trainable_variables)
        optimizer = make(0.01, name=name, weight_decay=0.1)
        optimizer.build(moved)
        optimizer.apply(gradients(moved, np.random.default_rng(1), sparse=False), moved)
    equal = {
        one.path: np.allclose(one, other, atol=1e-7)
        for one, other in zip(variables, others, strict=True)
    }
    assert {path for path, same in equal.items() if not same} == {"block_0_dense/kernel"}


@pytest.mark.parametrize("shape", [(8, 8), (16, 4), (4, 16)])
def test_an_orthogonal_step_leaves_no_direction_behind(shape):
    step = orthogonal(tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32))
    actual = np.linalg.svd(step.numpy(), compute_uv=False)
    assert actual.min() > 0.6
    assert actual.max() < 1.25
