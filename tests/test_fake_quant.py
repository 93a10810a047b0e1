"""Fake quantization against the toolkit's own quantizers, and its switches."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tfapps.layers.fake_quant import FakeQuant, Phase, by_row


@pytest.fixture(scope="module")
def toolkit():
    """The toolkit's quantizers; importing it sets a variable that children would inherit."""
    before = os.environ.get("TF_USE_LEGACY_KERAS")
    from tensorflow_model_optimization.python.core.quantization.keras import quantizers

    yield quantizers
    if before is None:
        os.environ.pop("TF_USE_LEGACY_KERAS", None)
    else:
        os.environ["TF_USE_LEGACY_KERAS"] = before


class Weights:
    """What the toolkit's quantizers ask of a layer: `add_weight`."""

    def add_weight(self, name, initializer=None, trainable=False, shape=None):
        shape = () if shape is None else (shape,) if isinstance(shape, int) else shape
        return tf.Variable(initializer(shape, dtype=tf.float32), trainable=trainable)


def values(*shape, seed=0, spread=1.0):
    return np.random.default_rng(seed).normal(0.1, spread, shape).astype("float32")


def built(quantizer, shape):
    quantizer.build(shape)
    return quantizer


def both(toolkit, kind, bits, axis, symmetric, narrow, shape):
    """Our quantizer, and the toolkit's as a function of (x, training) with its two ends."""
    name = {"last": "LastValue", "moving": "MovingAverage", "all": "AllValues"}[kind]
    theirs = getattr(toolkit, f"{name}Quantizer")(bits, axis is not None, symmetric, narrow)
    ends = theirs.build(tf.TensorShape(shape), "x", Weights())
    ours = built(FakeQuant(bits, kind, axis, symmetric=symmetric, narrow=narrow), shape)
    return ours, (lambda x, training: theirs(tf.constant(x), training, ends)), ends


CASES = [
    *[("last", bits, -1, True, True) for bits in (4, 5, 6, 7, 8)],
    ("last", 8, None, True, True),
    ("last", 8, None, True, False),
    ("last", 4, None, False, False),
    ("moving", 8, None, False, False),
    ("moving", 4, None, True, True),
    ("all", 8, None, False, False),
    ("all", 8, None, True, False),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_ranges_and_values_are_the_toolkits(toolkit, case):
    ours, theirs, ends = both(toolkit, *case, shape=(13, 6))
    for step in range(4):
        x = values(13, 6, seed=step, spread=1 + step % 2)
        expected = theirs(x, True)
        np.testing.assert_allclose(ours(x, training=True), expected, rtol=0, atol=1e-6)
        np.testing.assert_allclose(ours.low, ends["min_var"], rtol=1e-6)
        np.testing.assert_allclose(ours.high, ends["max_var"], rtol=1e-6)
    x = values(13, 6, seed=9, spread=3)
    np.testing.assert_allclose(ours(x), theirs(x, False), rtol=0, atol=1e-6)


@pytest.mark.parametrize("axis", [None, -1])
def test_gradients_are_those_of_the_operation(axis):
    x = tf.constant(values(20, 5, spread=4))
    quantizer = built(FakeQuant(4, "last", axis, symmetric=True, narrow=True), (20, 5))
    quantizer.settle(values(20, 5, seed=1))  # a range that some values of x lie outside of
    low, high = quantizer.low.value, quantizer.high.value
    operation = tf.quantization.fake_quant_with_min_max_vars
    if axis is not None:
        operation = tf.quantization.fake_quant_with_min_max_vars_per_channel
    upstream = values(20, 5, seed=2)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours = tf.reduce_sum(quantizer(x) * upstream)
        theirs = tf.reduce_sum(operation(x, low, high, 4, True) * upstream)
    expected = tape.gradient(theirs, x).numpy()
    assert (expected == 0).any()
    np.testing.assert_array_equal(tape.gradient(ours, x), expected)


def test_a_row_is_rounded_as_a_channel_of_the_transposed_table():
    table = values(7, 16)
    most = np.abs(table).max(axis=1)
    expected = tf.quantization.fake_quant_with_min_max_vars_per_channel(
        table.T, -most, most, num_bits=4, narrow_range=True
    )
    np.testing.assert_allclose(by_row(ops.convert_to_tensor(table), 4), np.transpose(expected))
    assert by_row(table, None) is table


def test_zero_stays_zero_and_an_empty_channel_is_no_nan():
    x = values(9, 4)
    x[:, 1] = 0
    x[3] = 0
    for rounded in (
        built(FakeQuant(8, "last", -1, symmetric=True, narrow=True), x.shape)(x, training=True),
        by_row(ops.convert_to_tensor(x), 8),
        built(FakeQuant(8, "moving"), x.shape)(x, training=True),
    ):
        rounded = np.asarray(rounded)
        assert (rounded[:, 1] == 0).all()
        assert (rounded[3] == 0).all()
        assert np.isfinite(rounded).all()


def test_values_stay_on_the_grid_of_the_last_range():
    quantizer = built(FakeQuant(4, "last", -1, symmetric=True, narrow=True), (500, 3))
    rounded = np.asarray(quantizer(values(500, 3), training=True))
    assert all(8 < len(np.unique(column)) <= 15 for column in rounded.T)
    np.testing.assert_array_equal(quantizer(rounded), rounded)


def test_inference_moves_no_range_and_settling_does():
    quantizer = built(FakeQuant(8, "last", symmetric=True, narrow=True), (8,))
    quantizer(values(8))
    assert float(quantizer.high) == 6.0
    quantizer.settle(values(8))
    assert float(quantizer.high) == pytest.approx(np.abs(values(8)).max())


def test_phases_hold_back_rounding_and_keep_ranges():
    x = ops.convert_to_tensor(values(50))
    quantizer = built(FakeQuant(4, "all"), (50,))
    quantizer.phase = Phase(delayed=True)
    np.testing.assert_array_equal(quantizer(x, training=True), x)
    assert float(quantizer.high) == pytest.approx(float(np.max(x)))
    assert (np.asarray(quantizer(x)) != np.asarray(x)).any()  # an answer is always rounded
    quantizer.phase.quantizing.assign(1.0)
    assert (np.asarray(quantizer(x, training=True)) != np.asarray(x)).any()
    quantizer.phase.following.assign(0.0)
    before = float(quantizer.high)
    quantizer(10 * x, training=True)
    assert float(quantizer.high) == before


@pytest.mark.parametrize("delayed", [False, True])
@pytest.mark.parametrize("equalize", [False, True])
def test_half_precision_follows_and_rounds_as_float32(delayed, equalize):
    outputs = []
    for dtype in ("float32", "mixed_bfloat16"):
        quantizer = FakeQuant(8, equalize=equalize, dtype=dtype)
        quantizer.build((4, 50))
        quantizer.phase = Phase(delayed)
        x = ops.cast(values(200).reshape(4, 50), quantizer.compute_dtype)
        out = quantizer(x, training=True)
        assert out.dtype == quantizer.compute_dtype
        assert quantizer.low.dtype == "float32"
        outputs.append([float(quantizer.low), float(quantizer.high), np.asarray(out, "float32")])
    float32, half = outputs
    np.testing.assert_allclose(half[:2], float32[:2], rtol=2**-8)
    step = (float32[1] - float32[0]) / 255
    room = step + 2**-8 * np.abs(float32[2]).max()  # one step, and one place of bfloat16
    np.testing.assert_allclose(half[2], float32[2], rtol=0, atol=room)


def test_ranges_are_no_trainable_weights():
    quantizer = built(FakeQuant(8, "last", -1), (4, 3))
    assert quantizer.trainable_weights == []
    assert [tuple(weight.shape) for weight in quantizer.weights] == [(3,), (3,)]


def test_config_makes_the_same_layer():
    quantizer = FakeQuant(5, "fixed", start=(0.0, 1.0), name="q")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(quantizer))
    assert again.get_config() == quantizer.get_config()


def test_unknown_ranges_and_bits_are_refused():
    with pytest.raises(ValueError, match="range: got 'mean', expected one of last, moving"):
        FakeQuant(8, "mean")
    with pytest.raises(ValueError, match="bits: got 1, expected 2 to 16"):
        FakeQuant(1)


# Channels of very different size


def uneven(factor):
    x = np.random.default_rng(0).uniform(-1, 1, (64, 8)).astype("float32")
    return x * np.where(np.arange(8) == 5, factor, 1).astype("float32")


def learned(x, **settings):
    quantizer = FakeQuant(**settings)
    quantizer.build(x.shape)
    quantizer.seen = []
    quantizer(x)
    seen, quantizer.seen = quantizer.seen, None
    quantizer.learn(seen)
    return quantizer


def test_a_channel_larger_than_most_costs_the_others_no_steps():
    x = uneven(100)
    errors = {}
    for equalize in (False, True):
        quantizer = learned(x, equalize=equalize)
        errors[equalize] = np.abs(np.asarray(quantizer(x)) - x).max(axis=0)
    assert errors[True][:5].max() < errors[False][:5].max() / 50
    assert errors[True][5] <= errors[False][5] * 1.01


def test_even_channels_are_rounded_as_without_factors():
    x = uneven(2)
    even = learned(x, equalize=True)
    np.testing.assert_array_equal(even.gain, np.ones(8))
    np.testing.assert_array_equal(even(x), learned(x)(x))


def test_gradients_pass_the_factors_unchanged():
    x = tf.Variable(uneven(100))
    quantizer = learned(np.asarray(x), equalize=True)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(quantizer(x, training=True))
    gradient = np.asarray(tape.gradient(total, x))
    # The ends of the range are moved by less than a step, so that zero is on the grid.
    assert set(np.unique(gradient.round(5))) <= {0.0, 1.0}
    assert gradient.mean() > 0.98
