import subprocess
import sys

import keras
import numpy as np
import pytest

from tfapps.layers.bidirectional import BidirectionalLSTM
from tfapps.layers.reverse import Reverse, ReverseOrder
from tfapps.models import bilstm

SMALL = bilstm.Config(embedding_size=12, units=8, layers=2)
INPUTS = ("token_ids", "padding_mask")
MASK = (np.arange(9) < np.array([9, 5, 1, 0])[:, None]).astype("int32")


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def features(length=9):
    ids = np.random.default_rng(0).integers(1, 40, (4, 9), dtype="int32") * MASK
    wider = ((0, 0), (0, length - 9))
    return {"token_ids": np.pad(ids, wider), "padding_mask": np.pad(MASK, wider)}


@pytest.fixture(scope="module")
def small():
    keras.utils.set_random_seed(1)
    return bilstm.build(SMALL, vocabulary_size=40)


def test_importing_the_module_imports_no_keras():
    code = "import sys, tfapps.models.bilstm; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_reverse_turns_only_the_real_part():
    x = draw(4, 9, 3)
    order = ReverseOrder()(MASK)
    out = np.asarray(Reverse()(x, order))
    for row, length in enumerate(MASK.sum(1)):
        np.testing.assert_array_equal(out[row, :length], x[row, :length][::-1])
        np.testing.assert_array_equal(out[row, length:], x[row, length:])
    np.testing.assert_array_equal(Reverse()(out, order), x)


def test_bidirectional_equals_masked_keras_at_real_tokens():
    x = draw(4, 9, 5)
    ours = BidirectionalLSTM(4)
    theirs = keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True, unroll=False))
    order = ReverseOrder()(MASK)
    ours.build(x.shape)
    theirs.build(x.shape)
    ours.forward.set_weights(theirs.forward_layer.get_weights())
    ours.backward.set_weights(theirs.backward_layer.get_weights())
    expected = np.asarray(theirs(x, mask=MASK.astype(bool))) * MASK[..., None]
    np.testing.assert_allclose(np.asarray(ours(x, order)) * MASK[..., None], expected, atol=1e-6)
    assert np.abs(expected[1, 0]).max() > 1e-3


@pytest.mark.parametrize(
    "layer", [Reverse(name="a"), BidirectionalLSTM(3, name="b"), ReverseOrder(name="c")]
)
def test_config_comes_back(layer):
    config = keras.saving.serialize_keras_object(layer)
    assert keras.saving.deserialize_keras_object(config).get_config() == layer.get_config()


def test_shapes(small):
    out = small(features())
    assert out["sequence"].shape == (4, 9, 16)
    assert out["pooled"].shape == (4, 16)
    assert set(small.input) == set(INPUTS)


def test_static_equals_dynamic(small):
    static = bilstm.build(SMALL, vocabulary_size=40, batch_size=4, length=9)
    assert static.output["sequence"].shape == (4, 9, 16)
    static.set_weights(small.get_weights())
    for name, value in small(features()).items():
        np.testing.assert_allclose(value, static(features())[name], atol=1e-6)


@pytest.mark.parametrize("pooling", ["attention", "max", "mean"])
def test_more_padding_changes_nothing(pooling):
    config = bilstm.Config(embedding_size=12, units=8, layers=2, pooling=pooling)
    model = bilstm.build(config, vocabulary_size=40)
    short, longer = features(), features(20)
    longer["token_ids"][:, 9:] = 3  # whatever stands in the padding
    real = MASK[..., None]
    a, b = model(short), model(longer)
    np.testing.assert_allclose(a["pooled"][:3], b["pooled"][:3], atol=1e-5)
    np.testing.assert_allclose(a["sequence"] * real, b["sequence"][:, :9] * real, atol=1e-5)


def test_weight_paths_are_unique_and_stable(small):
    paths = [weight.path for weight in small.weights if "seed" not in weight.path]
    again = bilstm.build(SMALL, vocabulary_size=40, batch_size=2, length=5).weights
    assert paths == [weight.path for weight in again if "seed" not in weight.path]
    assert len(set(paths)) == len(paths)
    parts = [f"lstm_cell/{part}" for part in ("kernel", "recurrent_kernel", "bias")]
    assert paths == [
        "embeddings/embeddings",
        *[f"lstm_{i}/{d}/{p}" for i in (0, 1) for d in ("forward", "backward") for p in parts],
        "pooling/query",
    ]


def test_every_weight_learns(small):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = keras.ops.sum(keras.ops.square(small(features(), training=True)["pooled"]))
    weights = small.trainable_variables
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, weight.path


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy, small):
    keras.config.set_dtype_policy(policy)
    try:
        model = bilstm.build(SMALL, vocabulary_size=40)
    finally:
        keras.config.set_dtype_policy("float32")
    model.set_weights(small.get_weights())
    assert {weight.dtype for weight in model.trainable_variables} == {"float32"}
    pooled = model(features())["pooled"]
    assert keras.backend.standardize_dtype(pooled.dtype) == policy.removeprefix("mixed_")
    expected = small(features())["pooled"]
    np.testing.assert_allclose(keras.ops.cast(pooled, "float32"), expected, atol=0.02)


def test_exports_to_builtins(tmp_path, small):
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    model = bilstm.build(SMALL, vocabulary_size=40, batch_size=1, length=9)
    model.set_weights(small.get_weights())
    signature = [{name: tf.TensorSpec((1, 9), tf.int32, name=name) for name in INPUTS}]
    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    module.serve = tf.function(
        lambda x: {"pooled": model(x, training=False)["pooled"]}, input_signature=signature
    )
    tf.saved_model.save(module, str(tmp_path), signatures=module.serve)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    runner = Interpreter(model_content=converter.convert())
    runner.allocate_tensors()
    assert "WHILE" in {entry["op_name"] for entry in runner._get_ops_details()}
    for row in range(3):
        x = {name: value[row : row + 1] for name, value in features().items()}
        result = runner.get_signature_runner()(**x)["pooled"]
        np.testing.assert_allclose(result, model(x)["pooled"], atol=1e-5)


def test_the_exporter_fuses_every_lstm(small):
    from tfapps.export.parts import lstm

    model = bilstm.build(SMALL, vocabulary_size=40, batch_size=1, length=9)
    model.set_weights(small.get_weights())
    x = {name: value[1:2] for name, value in features().items()}
    before = np.asarray(model(x)["pooled"])
    assert lstm.fuse(model) == 2 * SMALL.layers
    np.testing.assert_allclose(model(x)["pooled"], before, atol=1e-5)


def test_a_batch_as_large_as_the_text_is_long_is_no_special_case(small):
    square = {name: np.repeat(value, 3, axis=0)[:9] for name, value in features().items()}
    assert square["padding_mask"].shape == (9, 9)
    together = np.asarray(small(square)["pooled"])
    for row in range(9):
        alone = small({name: value[row : row + 1] for name, value in square.items()})["pooled"]
        np.testing.assert_allclose(together[row : row + 1], alone, atol=1e-6)
