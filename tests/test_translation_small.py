"""Compressed translators: what integer files of an encoder and a step hold and answer."""

import json

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from running import tfapps
from seq2seq_models import fill
from test_translation import PAIRS, RUN

from tfapps import registry
from tfapps.backends.keras import Keras
from tfapps.backends.litert import LiteRT
from tfapps.compress import qat
from tfapps.export import litert
from tfapps.features.feature import tokens
from tfapps.forms.parts.steps import Steps
from tfapps.graph import weights
from tfapps.train.teacher import with_logits_of_teacher

LENGTH, WORDS, ROWS = 10, 48, 6
ONE_BLOCK = {"encoder_layers": 1, "decoder_layers": 1}
# Widths at which the converter makes integers of a table and of a matrix.
MODELS = {
    "lstm": ("seq2seq_lstm", {"tie": "target_output"}),
    "lstm-fed": ("seq2seq_lstm", {"input_feeding": True, "tie": "all", **ONE_BLOCK}),
    "lstm-additive": ("seq2seq_lstm", {"attention": "additive", "tie": "none"}),
    "lstm-deep": ("seq2seq_lstm", {"input_feeding": True, "tie": "all", "decoder_layers": 2}),
    "transformer": ("seq2seq_transformer", {"tie": "all", **ONE_BLOCK}),
    "transformer-deep": ("seq2seq_transformer", {"tie": "all"}),
}
SMALL = {
    "seq2seq_lstm": {"embedding_size": 24, "units": 32},
    "seq2seq_transformer": {"width": 32, "heads": 2, "inner": 48},
}


SMALLER = """
compress:
  - {name: prune, sparsity: 0.5, epochs: 6, learning_rate: 2.0e-3}
  - {name: cluster, clusters: 16, epochs: 2, learning_rate: 1.0e-3}
  - {name: qat, epochs: 2, learning_rate: 1.0e-3}
export: [litert_float32, litert_int8]
"""


def build(name, batch_size=None, length=None):
    model_name, options = MODELS[name]
    module = registry.load("model", model_name)
    config = module.Config(**SMALL[model_name], **options, max_length=LENGTH)
    model = module.build(config, vocabulary_size=WORDS, batch_size=batch_size, length=length)
    return module, fill(model, 0.3)


def features():
    random = np.random.default_rng(5)
    mask = (np.arange(LENGTH) < random.integers(3, LENGTH + 1, (ROWS, 1))).astype("int32")
    ids = random.integers(1, WORDS, (2, ROWS, LENGTH), dtype="int32")
    return {"token_ids": ids[0] * mask, "padding_mask": mask, "target_ids": ids[1]}


def stepped(steps, inputs, row):
    """What three steps of one row give: logits and states."""
    one = {name: inputs[name][row : row + 1] for name in ("token_ids", "padding_mask")}
    states, context = steps.encode(one)
    actual = []
    for place in range(3):
        token = inputs["target_ids"][row : row + 1, place]
        logits, states, _ = steps.step(token, states, context)
        actual.append(np.asarray(logits)[0])
    return np.stack(actual)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[] if name in ("lstm-fed", "transformer") else [pytest.mark.slow])
        for name in MODELS
    ],
)
def integer_file(request, tmp_path_factory):
    """A quantized translator and its integer file."""
    inputs, tmp_path = features(), tmp_path_factory.mktemp(request.param)
    module, plain = build(request.param)
    model = qat.quantize(plain)
    qat.calibrate(model, [inputs])
    qat.settle(model)
    weights.save(model, tmp_path / "w.safetensors")

    def rebuild(batch_size, length):
        quantized = qat.quantize(build(request.param, batch_size, length)[1])
        weights.load(quantized, tmp_path / "w.safetensors")
        return quantized

    def split(model):
        return {"encode": module.encoder_of(model), "step": module.step_of(model)}

    litert.export(
        ["litert_int8"],
        rebuild=rebuild,
        max_length=LENGTH,
        calibration=[inputs],
        split=split,
        folder=tmp_path,
    )
    return module, plain, model, tmp_path / "litert" / "int8.tflite"


def test_integer_steps_match_the_quantized_model(integer_file):
    module, plain, model, path = integer_file
    inputs = features()
    graphs = [{"encode": module.encoder_of(m), "step": module.step_of(m)} for m in (plain, model)]
    backends = [*map(Keras, graphs), LiteRT(path)]
    read = tokens("token_ids", "padding_mask", length=LENGTH)
    steps = [Steps(backend, read) for backend in backends]
    exact, rounded, actual = (
        np.stack([stepped(s, inputs, row) for row in range(ROWS)]) for s in steps
    )
    # A value on the edge between two steps of a grid falls either way, and that goes on from there;
    # through the layers of a transformer further than through those of an LSTM.
    far, rounding = np.abs(actual - rounded), np.abs(exact - rounded)
    assert np.mean(far) < np.mean(rounding)
    assert np.corrcoef(actual.ravel(), rounded.ravel())[0, 1] > 0.999
    if "lstm" in module.__name__:
        assert (far < 1e-5).mean() > 0.6


def test_every_matrix_of_an_integer_file_is_of_integers(integer_file):
    content = integer_file[-1].read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    constants, products = [], 0
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if data is not None and len(tensor.shape) == 2 and np.prod(tensor.shape) >= 24 * 32:
                constants.append((tensor.name, tensor.type))
        products += sum(
            model.operatorCodes[operator.opcodeIndex].builtinCode
            == schema.BuiltinOperator.FULLY_CONNECTED
            for operator in graph.operators
        )
    assert products >= 6
    assert constants
    assert [name for name, kind in constants if kind != schema.TensorType.INT8] == []


def test_distillation_ignores_padding():
    inputs = {"target_ids": keras.Input((4,), dtype="int32", name="target_ids")}
    table = keras.layers.Embedding(9, 3, name="table")
    student, teacher = (
        keras.Model(inputs, table(inputs["target_ids"]) * factor) for factor in (1.0, 3.0)
    )
    ids = np.array([[1, 2, 0, 0], [3, 4, 5, 6]])
    vectors = np.asarray(table(ids))

    def objective(model, features, targets, training):
        return keras.ops.ones(2), model(features, training=training)

    loss, _ = with_logits_of_teacher(objective, 0.25, teacher)(
        student, {"target_ids": ids}, {}, training=True
    )
    square = np.square(2 * vectors).mean(axis=-1)
    expected = 0.75 + 0.25 * np.array([square[0, :2].mean(), square[1].mean()])
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One training, and few values with zeros among them as integers."""
    folder = tmp_path_factory.mktemp("small")
    for name, pairs in (("train", PAIRS * 3), ("dev", PAIRS[3::4])):
        for side, key in (("de", "text"), ("en", "target")):
            lines = "".join(f"{pair[key]}\n" for pair in pairs)
            (folder / f"{name}.{side}").write_text(lines, encoding="utf-8")
    plain = RUN.split("\ntrain:")[0]
    plain += "\ntrain: {epochs: 14, batch_size: 8, learning_rate: 3.0e-3}\n"
    (folder / "few8.yaml").write_text(plain + SMALLER)
    finished = tfapps("run", "few8.yaml", cwd=folder)
    assert finished.returncode == 0, finished.stderr
    return folder


@pytest.mark.slow
def test_a_compressed_translator_keeps_its_bleu(place):
    bundle = place / "saved_models" / "few8"
    dev = json.loads((bundle / "metrics.json").read_text())["dev"]
    proof = json.loads((bundle / "verify.json").read_text())
    assert dev["keras"]["bleu"] > 50
    assert dev["litert_int8"]["bleu"] > dev["keras"]["bleu"] - 10
    assert proof["litert_int8"]["agreement"] >= 0.7
    assert proof["litert_int8"]["bytes"] < 0.5 * proof["litert_float32"]["bytes"]


@pytest.mark.slow
def test_zeros_and_clusters_stay_on_the_way_to_integers(place):
    from safetensors.numpy import load_file

    arrays = load_file(place / "saved_models" / "few8" / "weights.safetensors")
    kernels = {path: value for path, value in arrays.items() if path.endswith("kernel")}
    assert any("recurrent_kernel" in path for path in kernels)
    for path, value in kernels.items():
        assert (value == 0).mean() >= 0.49, path
        gates = 4 if "lstm" in path else 1  # which have a grid each
        assert len(np.unique(value)) <= 16 * gates, path


@pytest.mark.slow
def test_integers_answer_from_the_command_line(place):
    result = tfapps("predict", "few8", "Das Kind ist alt.", "--artifact", "litert_int8", cwd=place)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["translation"].startswith("The ")
