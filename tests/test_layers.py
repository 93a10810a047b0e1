import inspect

import keras
import numpy as np
import pytest
from keras import ops

from tfapps.layers.attention import SelfAttention
from tfapps.layers.attention_bias import AttentionBias
from tfapps.layers.dropout import Dropout
from tfapps.layers.embeddings import BertEmbeddings
from tfapps.layers.layer_norm import LayerNorm
from tfapps.layers.linear import Linear
from tfapps.layers.low_rank import LowRank
from tfapps.layers.pooling import KINDS, Pooling
from tfapps.layers.prefix import Prefix

LAYERS = [
    Linear(5, activation="gelu", use_bias=False, kernel_initializer="zeros", name="a"),
    LayerNorm(0.1, name="b"),
    AttentionBias(name="c"),
    SelfAttention(2, head_size=3, dropout=0.2, seed=7, prefix_length=2, name="d"),
    Prefix(3, 2, 4, hidden=5, name="prefix"),
    LowRank(5, rank=2, alpha=3.0, dropout=0.1, singular=True, seed=2, name="low_rank"),
    Dropout(0.3, seed=4, name="e"),
    BertEmbeddings(9, 8, 6, segments=3, name="f"),
    Pooling("max", name="g"),
]


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_config_comes_back(layer):
    config = keras.saving.serialize_keras_object(layer)
    assert config["registered_name"] == f"tfapps>{type(layer).__name__}"
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == layer.get_config()
    arguments = set(inspect.signature(type(layer).__init__).parameters) - {"self", "kwargs"}
    assert arguments <= set(layer.get_config())


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (2, 5, 3, 4)])
def test_linear_equals_dense(shape):
    ours, theirs = Linear(6, activation="tanh"), keras.layers.Dense(6, activation="tanh")
    x = draw(*shape)
    ours.build(shape)
    theirs.build(shape)
    ours.bias.assign(draw(6))
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-6)
    assert ours.compute_output_shape(shape) == (*shape[:-1], 6)


def test_linear_with_unknown_sizes():
    x = keras.Input((None, 4))
    model = keras.Model(x, Linear(6)(x))
    assert model.output_shape == (None, None, 6)
    assert model(draw(2, 7, 4)).shape == (2, 7, 6)
    assert model(draw(3, 1, 4)).shape == (3, 1, 6)


def test_gelu_forms():
    x = np.linspace(-4, 4, 101, dtype="float32")[None]
    from math import erf

    exact = np.array([v * 0.5 * (1 + erf(v / 2**0.5)) for v in x[0]])
    identity = {"kernel_initializer": "identity", "use_bias": False}
    np.testing.assert_allclose(Linear(101, "gelu", **identity)(x)[0], exact, atol=1e-6)
    tanh = Linear(101, "gelu_tanh", **identity)(x)[0]
    np.testing.assert_allclose(tanh, exact, atol=1e-3)
    assert np.abs(tanh - exact).max() > 1e-5


def test_unknown_activation():
    with pytest.raises(ValueError, match=r"unknown activation 'gelo': expected one of None, relu"):
        Linear(3, activation="gelo")


def test_layer_norm_equals_keras():
    ours, theirs = LayerNorm(1e-3), keras.layers.LayerNormalization(epsilon=1e-3)
    x, residual = draw(2, 3, 8), draw(2, 3, 8, seed=1)
    ours.build(x.shape)
    theirs.build(x.shape)
    ours.gamma.assign(draw(8, seed=2))
    ours.beta.assign(draw(8, seed=3))
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)
    np.testing.assert_allclose(ours(x, residual), theirs(x + residual), atol=1e-5)


def test_layer_norm_gradients_equal_keras():
    import tensorflow as tf

    ours, theirs = LayerNorm(1e-3), keras.layers.LayerNormalization(epsilon=1e-3)
    x, factor = tf.constant(draw(2, 3, 8)), draw(2, 3, 8, seed=1)
    gradients = []
    for layer in (ours, theirs):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x) * factor)
        gradients.append(tape.gradient(loss, [x, *layer.trainable_variables]))
    for mine, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)


def test_layer_norm_of_large_half_precision_values():
    layer = LayerNorm(dtype="mixed_float16")
    out = layer(np.array([[0.0, 6e4, 0.0, 6e4]], "float16"))  # the variance is no float16
    np.testing.assert_allclose(out, [[-1, 1, -1, 1]], atol=1e-3)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_attention_bias_is_finite_and_blocks(policy):
    bias = AttentionBias(dtype=policy)(np.array([[1, 1, 0]]))
    assert bias.shape == (1, 1, 1, 3)
    weights = ops.convert_to_numpy(ops.softmax(ops.cast(bias, "float32")))
    np.testing.assert_array_equal(weights[0, 0, 0], [0.5, 0.5, 0])
    assert np.isfinite(ops.convert_to_numpy(ops.cast(bias, "float32"))).all()


def test_attention_equals_numpy():
    layer = SelfAttention(2)
    x, mask = draw(3, 5, 8), np.array([[1] * 5, [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])
    bias = AttentionBias()(mask)
    layer.build(x.shape)
    for index, weight in enumerate(layer.weights):
        weight.assign(draw(*weight.shape, seed=index))
    kernel, offset, out_kernel, out_offset = (np.asarray(w) for w in layer.get_weights())
    q, k, v = np.split(x @ kernel + offset, 3, axis=-1)
    heads = []
    for part in (slice(0, 4), slice(4, 8)):
        scores = q[..., part] @ k[..., part].transpose(0, 2, 1) / 2
        heads.append(softmax(np.where(mask[:, None, :] == 1, scores, -1e9)) @ v[..., part])
    expected = np.concatenate(heads, -1) @ out_kernel + out_offset
    np.testing.assert_allclose(layer(x, bias), expected, rtol=1e-4, atol=1e-4)


def test_attention_head_size_may_differ_from_width():
    layer = SelfAttention(3, head_size=5)
    assert layer(draw(2, 4, 8), AttentionBias()(np.ones((2, 4)))).shape == (2, 4, 8)
    assert layer.qkv.kernel.shape == (8, 45)
    with pytest.raises(ValueError, match="width 8 is not a multiple of 3 heads: give head_size"):
        SelfAttention(3).build((2, 4, 8))


def test_attention_dropout_acts_only_in_training():
    layer = SelfAttention(2, dropout=0.5, seed=1)
    x, bias = draw(2, 6, 8), AttentionBias()(np.ones((2, 6)))
    np.testing.assert_array_equal(layer(x, bias), layer(x, bias, training=False))
    assert np.abs(layer(x, bias) - layer(x, bias, training=True)).max() > 1e-2


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_dropout_rate_and_mean(rate, policy):
    x = np.ones((64, 1001), "float32")
    out = ops.cast(Dropout(rate, seed=1, dtype=policy)(x, training=True), "float32")
    out = ops.convert_to_numpy(out)
    kept = out != 0
    assert abs(1 - kept.mean() - rate) < 5 * (rate * (1 - rate) / x.size) ** 0.5
    np.testing.assert_allclose(out[kept], 1 / (1 - rate), rtol=5e-3)
    # Neighbours are independent: a pair is kept as often as the rates say.
    for both in (kept[:, 1:] & kept[:, :-1], kept[1:] & kept[:-1], kept[:, 4:] & kept[:, :-4]):
        assert abs(both.mean() - (1 - rate) ** 2) < 0.012


def test_dropout_draws_anew_and_repeats_with_the_seed():
    x = np.ones((20, 30), "float32")
    first, second = Dropout(0.5, seed=3), Dropout(0.5, seed=3)
    a, b = np.asarray(first(x, training=True)), np.asarray(first(x, training=True))
    assert (a != b).any()
    np.testing.assert_array_equal(a, second(x, training=True))
    np.testing.assert_array_equal(b, second(x, training=True))
    np.testing.assert_array_equal(x, first(x, training=False))


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_dropout_rate_is_checked(rate):
    with pytest.raises(ValueError, match=rf"dropout rate: got {rate}, expected 0 <= rate < 1"):
        Dropout(rate)


def test_dropout_gradient_is_its_mask():
    import tensorflow as tf

    x = tf.ones((50, 50))
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = Dropout(0.3, seed=1)(x, training=True)
    np.testing.assert_allclose(tape.gradient(out, x), out, rtol=1e-6)


def test_embeddings_are_sums_of_rows():
    layer = BertEmbeddings(9, 8, 6)
    tokens, segments = np.array([[3, 0, 8], [1, 1, 0]]), np.array([[0, 0, 1], [1, 0, 0]])
    out = layer(tokens, segments)
    token, position, segment = (np.asarray(weight) for weight in layer.weights)
    np.testing.assert_allclose(out, token[tokens] + position[:3] + segment[segments], atol=1e-6)
    assert [weight.path.split("/")[-1] for weight in layer.weights] == [
        "token",
        "position",
        "segment",
    ]


def test_pooling_equals_numpy():
    x, mask = draw(2, 4, 3) - 5, np.array([[1, 1, 1, 1], [1, 1, 0, 0]])
    for kind, expected in {
        "mean": [x[0].mean(0), x[1, :2].mean(0)],
        "max": [x[0].max(0), x[1, :2].max(0)],
        "cls": x[:, 0],
    }.items():
        np.testing.assert_allclose(Pooling(kind)(x, mask), expected, atol=1e-5, err_msg=kind)
    layer = Pooling("attention")
    out = layer(x, mask)
    scores = (np.tanh(x) @ np.asarray(layer.query))[..., 0]
    weights = softmax(np.where(mask == 1, scores, -1e9))
    np.testing.assert_allclose(out, np.einsum("bt,btd->bd", weights, x), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_pooling_of_a_row_without_tokens_is_finite(kind):
    assert np.isfinite(Pooling(kind)(draw(1, 4, 3), np.zeros((1, 4), "int32"))).all()


def test_unknown_pooling():
    with pytest.raises(ValueError, match="pooling: got 'sum', expected one of mean, max"):
        Pooling("sum")
