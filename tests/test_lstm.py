import inspect

import keras
import numpy as np
import pytest
from keras import ops

from tfapps.layers.lstm import LSTM

MASK = np.arange(6) < np.array([6, 3, 1])[:, None]


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def filled(layer, width=5):
    layer.build((None, None, width))
    for index, weight in enumerate(layer.trainable_weights):
        weight.assign(draw(*weight.shape, seed=index) * 0.4)
    return layer


def pair(units=4, **options):
    theirs = filled(keras.layers.LSTM(units, return_state=True, **options))
    ours = LSTM(units, return_state=True, **options)
    ours.build((None, None, 5))
    ours.set_weights(theirs.get_weights())
    return ours, theirs


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": True},
        {"return_sequences": True, "go_backwards": True},
        {"return_sequences": True, "use_bias": False},
        {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
    ],
)
@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize("length", [6, 1])
def test_lstm_equals_keras(options, mask, length):
    ours, theirs = pair(**options)
    mask = None if mask is None else mask[:, :length]
    x, states = draw(3, length, 5), [draw(3, 4, seed=8), draw(3, 4, seed=9)]
    for inputs in (None, states):
        for mine, other in zip(
            ours(x, initial_state=inputs, mask=mask),
            theirs(x, initial_state=inputs, mask=mask),
            strict=True,
        ):
            np.testing.assert_allclose(mine, other, atol=1e-6)


def test_dropout_inside_the_cell_is_that_of_keras():
    ours, theirs = (
        kind(4, dropout=0.5, recurrent_dropout=0.2, seed=1) for kind in (LSTM, keras.layers.LSTM)
    )
    x = draw(3, 6, 5)
    filled(ours)
    theirs.build(x.shape)
    for mine, other in zip(theirs.trainable_weights, ours.trainable_weights, strict=True):
        mine.assign(other)
    np.testing.assert_allclose(ours(x, training=True), theirs(x, training=True), atol=1e-6)
    assert np.abs(ours(x, training=True) - ours(x)).max() > 1e-2


@pytest.mark.parametrize("length", [6, 1])
def test_gradients_equal_keras(length):
    import tensorflow as tf

    x, states = tf.constant(draw(3, length, 5)), [tf.constant(draw(3, 4, seed=i)) for i in (8, 9)]
    factor, gradients = draw(3, length, 4, seed=7), []

    for layer in pair(return_sequences=True):
        # Of unknown length, as in training.
        @tf.function(input_signature=[tf.TensorSpec((None, length if length == 1 else None, 5))])
        def run(x, layer=layer):
            with tf.GradientTape() as tape:
                tape.watch([x, states])
                y, h, c = layer(x, initial_state=states, training=True)
                loss = tf.reduce_sum(y * factor) + tf.reduce_sum(h * c)
            return tape.gradient(loss, [x, *states, *layer.trainable_variables])

        gradients.append(run(x))
    for mine, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)


def test_weights_have_the_paths_and_start_values_of_keras():
    paths, values = [], []
    for kind in (LSTM, keras.layers.LSTM):
        keras.utils.set_random_seed(1)
        layer = kind(4, kernel_initializer="he_normal", name="a")
        layer.build((None, None, 5))
        after = keras.layers.Dense(2)
        after.build((None, 4))
        paths.append([weight.path for weight in layer.weights])
        values.append([*layer.get_weights(), *after.get_weights()])
    assert paths[0] == paths[1]
    for mine, other in zip(*values, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_a_sequence_of_one_has_no_loop():
    import tensorflow as tf

    layer = filled(LSTM(4))

    def operations(length):
        spec = tf.TensorSpec((None, length, 5))
        graph = tf.function(layer, input_signature=[spec]).get_concrete_function().graph
        return {operation.type for operation in graph.get_operations()}

    assert not any("While" in kind for kind in operations(1))
    assert any("While" in kind for kind in operations(6))


def test_the_input_is_multiplied_outside_the_loop():
    import tensorflow as tf

    layer = filled(LSTM(4, return_sequences=True))
    concrete = tf.function(
        layer, input_signature=[tf.TensorSpec((None, None, 5))]
    ).get_concrete_function()
    inside = [
        node.op
        for function in concrete.graph.as_graph_def().library.function
        if "body" in function.signature.name
        for node in function.node_def
    ]
    assert inside.count("MatMul") == 1


@pytest.mark.parametrize("products", [False, True])
def test_steps_of_an_integer_layer_equal_its_sequence(products):
    layer = filled(
        LSTM(4, 8, 8, quantize_products=products, return_sequences=True, return_state=True)
    )
    layer.settle_ranges()
    x, states = draw(3, 6, 5), [np.tanh(draw(3, 4, seed=8)), draw(3, 4, seed=9)]
    every, *last = layer(x, initial_state=states)
    for place in range(6):
        y, *states = layer(x[:, place : place + 1], initial_state=states)
        np.testing.assert_allclose(y[:, 0], every[:, place], atol=1e-6)
    for mine, other in zip(states, last, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-6)


def test_quantized_products_lie_on_their_grids():
    layer = filled(LSTM(4, 8, 4, quantize_products=True))
    layer.settle_ranges()
    products = np.asarray(layer.products(draw(3, 6, 5)))
    steps = products / (12 / 15)  # a range of -6 to 6 in 4 bits, before training
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)
    assert len(np.unique(np.round(steps))) > 3
    names = [f"{part}product_range/{end}" for part in ("", "recurrent_") for end in ("low", "high")]
    actual = [weight.path.partition("/")[2] for weight in layer.weights]
    assert sorted(path for path in actual if "product" in path) == sorted(names)


def test_ranges_of_products_are_followed_in_training():
    import tensorflow as tf

    layer = filled(LSTM(4, 8, 8, quantize_products=True, return_sequences=True))
    before = [float(weight.numpy()) for weight in _ranges(layer)]

    @tf.function(input_signature=[tf.TensorSpec((None, None, 5))])
    def run(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True) ** 2)
        return tape.gradient(loss, layer.trainable_variables)

    assert all(np.abs(gradient).max() > 0 for gradient in run(draw(3, 6, 5)))
    after = [float(weight.numpy()) for weight in _ranges(layer)]
    assert all(abs(new) < abs(old) for new, old in zip(after, before, strict=True))


def _ranges(layer):
    ranges = (layer.product_range, layer.cell.product_range)
    return [end for one in ranges for end in (one.low, one.high)]


def test_config_comes_back():
    layer = LSTM(3, 8, 8, quantize_products=True, return_state=True, name="a")
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == layer.get_config()
    arguments = set(inspect.signature(LSTM.__init__).parameters) - {"self", "kwargs"}
    assert arguments <= set(layer.get_config())


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy):
    layer, x = filled(LSTM(4, dtype=policy)), draw(3, 6, 5)
    exact = LSTM(4)
    exact.build(x.shape)
    exact.set_weights(layer.get_weights())
    out = layer(x)
    assert keras.backend.standardize_dtype(out.dtype) == policy.removeprefix("mixed_")
    np.testing.assert_allclose(ops.cast(out, "float32"), exact(x), atol=0.02)
