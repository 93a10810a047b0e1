import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from tfapps.errors import InputError
from tfapps.models import bert
from tfapps.presets.packages import MINILM, PRESETS

INPUTS = ("token_ids", "padding_mask", "segment_ids")
TINY = bert.Config(size="tiny", max_length=16)
needs_minilm = pytest.mark.skipif(
    PRESETS[MINILM].packages[0].folder() is None, reason="weights not installed"
)


def features(rows=3, length=12, vocabulary=50, seed=0):
    draw = np.random.default_rng(seed)
    mask = (np.arange(length) < np.array([length, 7, 1])[:rows, None]).astype("int32")
    return {
        "token_ids": draw.integers(1, vocabulary, (rows, length), dtype="int32") * mask,
        "segment_ids": draw.integers(0, 2, (rows, length), dtype="int32") * mask,
        "padding_mask": mask,
    }


@pytest.fixture(scope="module")
def tiny():
    keras.utils.set_random_seed(1)
    return bert.build(TINY, vocabulary_size=50)


@pytest.mark.parametrize(
    ("settings", "got"), [({}, "neither"), ({"preset": "minilm_l6", "size": "tiny"}, "both")]
)
def test_config_wants_preset_or_size(settings, got):
    with pytest.raises(ValidationError, match=f"got {got} of preset and size, expected exactly"):
        bert.Config(**settings)


def test_importing_the_module_imports_no_keras():
    code = "import sys, tfapps.models.bert; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("layers", [None, 1, 3])
def test_layers_replace_the_blocks_of_a_size(layers):
    config = bert.Config(size="tiny", layers=layers, max_length=16)
    names = [layer.name for layer in bert.build(config, vocabulary_size=20).layers]
    assert sum(name.endswith("_output_norm") for name in names) == (layers or 2)


def test_shapes(tiny):
    out = tiny(features())
    assert out["sequence"].shape == (3, 12, 128)
    assert out["pooled"].shape == (3, 128)
    assert set(tiny.input) == set(INPUTS)


def test_static_equals_dynamic(tiny):
    static = bert.build(TINY, vocabulary_size=50, batch_size=3, length=12)
    assert static.output["sequence"].shape == (3, 12, 128)
    static.set_weights(tiny.get_weights())
    for name, value in tiny(features()).items():
        np.testing.assert_allclose(value, static(features())[name], atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_more_padding_changes_nothing(pooling):
    config = bert.Config(size="tiny", max_length=32, pooling=pooling)
    model = bert.build(config, vocabulary_size=50)
    short = features()
    longer = {name: np.pad(value, ((0, 0), (0, 20))) for name, value in short.items()}
    longer["token_ids"][:, 12:] = 7  # whatever stands in the padding
    np.testing.assert_allclose(model(short)["pooled"], model(longer)["pooled"], atol=1e-5)
    np.testing.assert_allclose(
        model(short)["sequence"], model(longer)["sequence"][:, :12], atol=1e-5
    )


def test_weight_paths_are_unique_and_stable(tiny):
    paths = [weight.path for weight in tiny.weights]
    again = [weight.path for weight in bert.build(TINY, vocabulary_size=50, length=8).weights]
    assert paths == again
    assert len(set(paths)) == len(paths)
    assert {"embeddings/token", "block_0_attention/qkv/kernel", "block_1_output_norm/gamma"} <= set(
        paths
    )
    parts = "attention attention_dropout attention_norm intermediate output output_dropout"
    first = [layer.name for layer in tiny.layers if layer.name.startswith("block_0")]
    assert first == [f"block_0_{part}" for part in [*parts.split(), "output_norm"]]


def test_dropout_only_while_training(tiny):
    x = features()
    np.testing.assert_array_equal(tiny(x)["pooled"], tiny(x, training=False)["pooled"])
    assert np.abs(tiny(x)["pooled"] - tiny(x, training=True)["pooled"]).max() > 1e-3


def test_every_weight_learns(tiny):
    import tensorflow as tf

    x = features()
    with tf.GradientTape() as tape:
        out = tiny(x, training=True)
        loss = keras.ops.sum(keras.ops.square(out["pooled"])[:, ::3]) + keras.ops.sum(
            out["sequence"][:, :, ::3]
        )
    weights = tiny.trainable_variables
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        dense = tf.convert_to_tensor(gradient).numpy()
        assert np.abs(dense).max() > 0, weight.path
        assert np.isfinite(dense).all(), weight.path


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy, tiny):
    keras.config.set_dtype_policy(policy)
    try:
        model = bert.build(TINY, vocabulary_size=50)
    finally:
        keras.config.set_dtype_policy("float32")
    model.set_weights(tiny.get_weights())
    assert {weight.dtype for weight in model.trainable_variables} == {"float32"}
    out, expected = model(features()), tiny(features())
    assert keras.backend.standardize_dtype(out["sequence"].dtype) == policy.removeprefix("mixed_")
    np.testing.assert_allclose(
        keras.ops.cast(out["pooled"], "float32"), expected["pooled"], atol=0.06
    )


def test_length_beyond_positions_is_refused():
    with pytest.raises(InputError, match=r"length: got 17, but the model has 16 positions"):
        bert.build(TINY, vocabulary_size=50, length=17)


@needs_minilm
def test_preset_refuses_what_does_not_fit():
    with pytest.raises(InputError, match=r"max_length: got 513, but preset minilm_l6 has 512"):
        bert.build(bert.Config(preset=MINILM, max_length=513), vocabulary_size=30522)
    with pytest.raises(InputError, match=r"vocabulary of 30522 tokens, the tokenizer has 8000"):
        bert.build(bert.Config(preset=MINILM), vocabulary_size=8000)


def test_without_preset_neighbouring_places_start_alike(tiny):
    before = {weight.path: weight.numpy() for weight in tiny.weights}
    bert.load_pretrained(TINY, tiny)
    after = {weight.path: weight.numpy() for weight in tiny.weights}
    moved = {path for path in before if not np.array_equal(before[path], after[path])}
    outputs = {path for path in before if path.endswith("_attention/output/kernel")}
    assert moved == {"embeddings/position"} | outputs
    for path in outputs:
        assert after[path].std() == pytest.approx(bert.SPREAD, rel=1e-3)
    table = after["embeddings/position"]
    assert np.sqrt(np.mean(table**2)) == pytest.approx(bert.SPREAD, rel=0.05)
    likeness = table @ table.T / np.sum(table**2, axis=1)
    assert np.all(np.diff(likeness[0, :4]) < 0)
    assert likeness[5, 6] > 0.8


@pytest.mark.parametrize(
    ("size", "layers", "spread"),
    [
        ("tiny", None, 128**-0.5),
        ("base", bert.SHALLOW + 1, bert.SPREAD),
        pytest.param("base", None, bert.SPREAD, marks=pytest.mark.slow),
    ],
)
def test_kernels_of_shallow_models_start_larger(size, layers, spread):
    model = bert.build(bert.Config(size=size, layers=layers, max_length=8), vocabulary_size=20)
    kernel = model.get_layer("block_1_attention").qkv.kernel.numpy()
    # A normal distribution cut at two deviations has 0.88 of its own.
    assert kernel.std() == pytest.approx(0.88 * spread, rel=0.03)
    assert model.get_layer("embeddings").token.numpy().std() < 0.02


def test_exports_to_builtins_without_shape_arithmetic(tmp_path):
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    model = bert.build(TINY, vocabulary_size=50, batch_size=1, length=16)
    signature = [{name: tf.TensorSpec((1, 16), tf.int32, name=name) for name in INPUTS}]
    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]  # the model itself keeps them open
    module.serve = tf.function(
        lambda x: {"pooled": model(x, training=False)["pooled"]}, input_signature=signature
    )
    tf.saved_model.save(module, str(tmp_path), signatures=module.serve)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    runner = Interpreter(model_content=converter.convert())
    runner.allocate_tensors()
    operators = {entry["op_name"] for entry in runner._get_ops_details()}
    assert not operators & {"SHAPE", "PACK", "STRIDED_SLICE", "REDUCE_PROD"}, operators
    assert "FULLY_CONNECTED" in operators
    assert sum(e["op_name"] == "DELEGATE" for e in runner._get_ops_details()) == 1
    x = {name: value[:1] for name, value in features(length=16).items()}
    result = runner.get_signature_runner()(**x)
    np.testing.assert_allclose(result["pooled"], model(x)["pooled"], atol=1e-5)


@pytest.mark.slow
def test_trains_a_step_on_jax():
    pytest.importorskip("jax")
    code = """
import numpy as np, keras
from tfapps.models import bert, bilstm
assert keras.backend.backend() == "jax"
x = np.random.default_rng(0).integers(1, 50, (4, 8), dtype="int32")
y = np.array([0, 1, 0, 1])
for module, config in ((bert, bert.Config(size="tiny")), (bilstm, bilstm.Config())):
    encoder = module.build(config, vocabulary_size=50)
    logits = keras.layers.Dense(2, name="head")(encoder.output["pooled"])
    model = keras.Model(encoder.input, logits)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    inputs = {name: x if name == "token_ids" else np.ones_like(x) for name in encoder.input}
    before = model.get_weights()
    assert np.isfinite(model.train_on_batch(inputs, y))
    assert any((a != b).any() for a, b in zip(before, model.get_weights()))
"""
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_case_changes_nothing_before_it_was_learned():
    """The table of cases starts from zeros, so that a preset is what it was."""
    config = bert.Config(size="tiny", max_length=8, case=True)
    assert tuple(f.name for f in bert.features(config)) == (*INPUTS, "case_ids")
    keras.utils.set_random_seed(1)
    with_case = bert.build(config, vocabulary_size=50)
    without = bert.build(bert.Config(size="tiny", max_length=8), vocabulary_size=50)
    values = {weight.path: weight for weight in with_case.weights}
    for weight in without.weights:
        weight.assign(values[weight.path])
    ids = np.array([[2, 7, 9, 3]])
    rows = {name: np.ones_like(ids) for name in INPUTS} | {"token_ids": ids}
    expected = without(rows)["sequence"]
    actual = with_case({**rows, "case_ids": np.array([[0, 5, 6, 0]])})["sequence"]
    np.testing.assert_allclose(actual, expected, atol=1e-6)
    table = np.random.default_rng(1).normal(size=(9, 128))
    with_case.get_layer("case_embeddings").embeddings.assign(table)
    other = with_case({**rows, "case_ids": np.array([[0, 6, 6, 0]])})["sequence"]
    assert np.abs(np.asarray(other) - np.asarray(expected)).max() > 1e-3
