import inspect

import keras
import numpy as np
import pytest

from tfapps.layers.attention_bias import AttentionBias
from tfapps.layers.attentional_lstm import AttentionalLSTM
from tfapps.layers.bridge import Bridge
from tfapps.layers.dropout import Dropout
from tfapps.layers.fake_quant import by_row
from tfapps.layers.memory_attention import MemoryAttention
from tfapps.layers.tied_embedding import TiedEmbedding

BITS = {"weight_bits": 8, "activation_bits": 8}
LAYERS = [
    MemoryAttention("additive", **BITS, quantize_scores=True, per_channel=False, name="a"),
    Bridge([3, 4], **BITS, per_channel=False, name="b"),
    TiedEmbedding(9, 4, **BITS, name="c"),
    AttentionalLSTM(
        4, 3, 2, "additive", 0.1, True, 7, **BITS, quantize_scores=True, per_channel=False, name="d"
    ),
    Dropout(0.2, over_time=True, name="e"),
]
MASK = (np.arange(6) < np.array([6, 3, 1])[:, None]).astype("int32")


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def filled(layer, *args, **kwargs):
    """Build a layer by a call and make its weights large; returns them by the ends of paths."""
    layer(*args, **kwargs)
    for index, weight in enumerate(layer.trainable_weights):
        weight.assign(draw(*weight.shape, seed=index) * 0.4)
    return {weight.path.partition("/")[2]: weight.numpy() for weight in layer.trainable_weights}


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_config_comes_back(layer):
    config = keras.saving.serialize_keras_object(layer)
    assert config["registered_name"] == f"tfapps>{type(layer).__name__}"
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == layer.get_config()
    arguments = set(inspect.signature(type(layer).__init__).parameters) - {"self", "args", "kwargs"}
    assert arguments <= set(layer.get_config())


def attended(kind, weights, query, keys, memory):
    """Attention in plain numpy: context and weights."""
    if kind == "dot":
        scores = query @ keys.transpose(0, 2, 1)
    else:
        x = np.tanh((query @ weights["query/kernel"])[:, :, None] + keys[:, None])
        scores = (x @ weights["score"])[..., 0]
    each = softmax(np.where(MASK[:, None] == 1, scores, -1e9))
    return each @ memory, each


@pytest.mark.parametrize(("kind", "width"), [("dot", 5), ("additive", 4)])
@pytest.mark.parametrize("steps", [7, 6, 3, 1])
def test_attention_equals_numpy(kind, width, steps):
    layer = MemoryAttention(kind)
    inputs = draw(3, steps, 5), draw(3, 6, width, seed=1), draw(3, 6, 8, seed=2)
    bias = AttentionBias()(MASK)
    weights = filled(layer, *inputs, bias)
    for mine, expected in zip(layer(*inputs, bias), attended(kind, weights, *inputs), strict=True):
        np.testing.assert_allclose(mine, expected, atol=1e-5)
    shapes = [tensor.shape for tensor in (*inputs, bias)]
    assert layer.compute_output_shape(*shapes) == ((3, steps, 8), (3, steps, 6))


def test_additive_attention_equals_keras():
    layer, theirs = MemoryAttention("additive"), keras.layers.AdditiveAttention()
    query, keys, memory = draw(3, 7, 5), draw(3, 6, 5, seed=1), draw(3, 6, 8, seed=2)
    weights = filled(layer, query, keys, memory, AttentionBias()(MASK))
    theirs.build([query.shape, memory.shape, keys.shape])
    theirs.set_weights([weights["score"][:, 0]])
    expected = theirs([query @ weights["query/kernel"], memory, keys], mask=[None, MASK == 1])
    out, _ = layer(query, keys, memory, AttentionBias()(MASK))
    np.testing.assert_allclose(out, expected, atol=1e-5)


def test_attention_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="attention: got 'mlp', expected one of dot, additive"):
        MemoryAttention("mlp")
    with pytest.raises(ValueError, match="keys are 4 wide and queries 5, expected the same"):
        MemoryAttention()(draw(3, 7, 5), draw(3, 6, 4), draw(3, 6, 8), AttentionBias()(MASK))


def test_bridge_reads_the_last_state_of_each_direction():
    layer, x = Bridge([3, 4]), draw(3, 6, 10)
    weights = filled(layer, x, MASK)
    last = np.concatenate([x[range(3), MASK.sum(1) - 1, :5], x[:, 0, 5:]], axis=-1)
    expected = np.tanh(last @ weights["map/kernel"] + weights["map/bias"])
    first, second = layer(x, MASK)
    np.testing.assert_allclose(first, expected[:, :3], atol=1e-6)
    np.testing.assert_allclose(second, expected[:, 3:], atol=1e-6)
    assert layer.compute_output_shape(x.shape, MASK.shape) == [(3, 3), (3, 4)]


def test_bridge_of_an_empty_row_is_finite():
    assert np.isfinite(Bridge([3])(draw(1, 6, 4), np.zeros((1, 6), "int32"))[0]).all()


@pytest.mark.parametrize("bits", [None, 8])
def test_one_table_looks_up_and_projects(bits):
    layer, ids, x = TiedEmbedding(9, 4, weight_bits=bits), np.array([[3, 0], [8, 8]]), draw(2, 3, 4)
    weights = filled(layer, ids)
    table = np.asarray(by_row(weights["embeddings"], bits))
    np.testing.assert_array_equal(layer(ids), table[ids])
    expected = x @ table.T + weights["bias"]
    np.testing.assert_allclose(layer(x, project=True), expected, atol=1e-6)
    inputs = keras.Input((None, 4))
    assert layer(inputs, project=True).shape == (None, None, 9)
    assert layer(keras.Input((None,), dtype="int32")).shape == (None, None, 4)


def test_both_uses_of_a_table_teach_it():
    import tensorflow as tf

    layer, ids = TiedEmbedding(9, 4), np.array([[3, 0]])
    filled(layer, ids)

    def gradient(function):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(function() ** 2)
        return tf.convert_to_tensor(tape.gradient(loss, layer.trainable_weights[0])).numpy()

    rows = np.abs(gradient(lambda: layer(ids))).max(1) > 0
    np.testing.assert_array_equal(rows, np.isin(np.arange(9), ids))
    assert (np.abs(gradient(lambda: layer(draw(2, 4), project=True))).max(1) > 0).all()


def test_a_table_is_baked_for_both_uses():
    layer, x = TiedEmbedding(9, 4, weight_bits=4), draw(2, 4)
    filled(layer, np.array([1]))
    before = layer(np.arange(9)), layer(x, project=True)
    layer.bake()
    np.testing.assert_allclose(layer(np.arange(9)), before[0], atol=1e-6)
    np.testing.assert_allclose(layer(x, project=True), before[1], atol=1e-6)


def reference(kind, layers, weights, x, states, keys, memory):
    """The whole decoder in plain numpy."""
    *states, fed = states
    attention = {
        path.removeprefix("attention/"): value
        for path, value in weights.items()
        if path.startswith("attention")
    }
    outs = []
    for place in range(x.shape[1]):
        below = x[:, place]
        for i in range(layers):
            kernel, recurrent, bias = (
                weights[f"lstm_{i}/lstm_cell/{part}"]
                for part in ("kernel", "recurrent_kernel", "bias")
            )
            z = below @ kernel + states[2 * i] @ recurrent + bias
            z += fed @ weights["feed/kernel"] if i == 0 else 0
            gates = np.split(z, 4, axis=-1)
            i_gate, f_gate, o_gate = (sigmoid(gates[number]) for number in (0, 1, 3))
            states[2 * i + 1] = f_gate * states[2 * i + 1] + i_gate * np.tanh(gates[2])
            below = states[2 * i] = o_gate * np.tanh(states[2 * i + 1])
        context, each = attended(kind, attention, below[:, None], keys, memory)
        merged = np.concatenate([context[:, 0], below], axis=-1)
        fed = np.tanh(merged @ weights["merge/kernel"] + weights["merge/bias"])
        outs.append((fed, each[:, 0]))
    return [np.stack(parts, 1) for parts in zip(*outs, strict=True)], [*states, fed]


@pytest.mark.parametrize(("kind", "layers"), [("dot", 1), ("additive", 2)])
@pytest.mark.parametrize("steps", [5, 1])
def test_attentional_lstm_equals_numpy(kind, layers, steps):
    layer = AttentionalLSTM(4, 3, layers, kind)
    x, keys, memory = draw(3, steps, 5), draw(3, 6, 4, seed=1), draw(3, 6, 8, seed=2)
    states = [np.tanh(draw(3, width, seed=width)) for width in [4, 4] * layers + [3]]
    inputs = (x, [*states], keys, memory, AttentionBias()(MASK))
    weights = filled(layer, *inputs)
    (y, each), after = reference(kind, layers, weights, x, states, keys, memory)
    out = layer(*inputs)
    for mine, expected in zip(out, [y, each, *after], strict=True):
        np.testing.assert_allclose(mine, expected, atol=1e-5)
    shapes = x.shape, [s.shape for s in states], keys.shape, memory.shape, (3, 1, 1, 6)
    assert layer.compute_output_shape(*shapes) == [tuple(tensor.shape) for tensor in out]


@pytest.mark.parametrize("over_time", [False, True])
def test_dropout_between_the_lstms_is_drawn_before_the_loop(over_time):
    layer = AttentionalLSTM(200, 3, 2, dropout=0.5, over_time=over_time, seed=3)
    noise = np.asarray(layer._noise(draw(3, 5, 6), training=True)[0])
    assert noise.shape == (3, 5, 200)
    assert set(np.unique(noise)) == {0.0, 2.0}
    assert (noise == noise[:, :1]).all() == over_time
    assert (noise[0] != noise[1]).any()
    assert layer._noise(draw(3, 5, 6), training=False) == []


def test_dropout_over_time_drops_the_same_at_all_places():
    x = np.ones((4, 7, 100), "float32")
    out = np.asarray(Dropout(0.5, seed=1, over_time=True)(x, training=True))
    np.testing.assert_array_equal(out, np.repeat(out[:, :1], 7, axis=1))
    assert (out[0] != out[1]).any()
    assert set(np.unique(out)) == {0.0, 2.0}
