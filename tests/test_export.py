"""Exporters: what is written runs elsewhere, equals the model, and fails in plain words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import export_models as models
import numpy as np
import pytest
from asking import form_of, same_as_interpreter

from tfapps.backends._compiled import CompiledSession
from tfapps.backends._interpreter import InterpreterSession
from tfapps.backends.base import SERVE
from tfapps.backends.litert import operators, partitions
from tfapps.errors import Failure, InputError
from tfapps.export import litert, saved_model
from tfapps.export.parts import child, lstm, module

LENGTH = models.LENGTH


def _calibration(batches=4):
    return [models.features(16, seed=10 + i) for i in range(batches)]


def _export(names, rebuild, folder, calibration=()):
    litert.export(names, rebuild=rebuild, max_length=LENGTH, calibration=calibration, folder=folder)


def _logits(build, features):
    return np.asarray(build()(features))


@pytest.fixture(scope="module")
def transformer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transformer")
    _export(litert.ARTIFACTS, models.transformer, folder, _calibration())
    return folder / "litert"


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recurrent")
    _export(litert.ARTIFACTS, models.recurrent, folder, _calibration())
    return folder / "litert"


def test_saved_models_take_any_batch_and_length_in_a_bare_process(tmp_path):
    features = models.features(3, length=7)
    np.savez(tmp_path / "features.npz", **features)
    builders = [models.transformer, models.recurrent]
    for build in builders:
        folder = tmp_path / build.__name__
        saved_model.export(["saved_model"], rebuild=build, max_length=LENGTH, folder=folder)
    program = (
        "import sys, numpy as np, tensorflow as tf\n"
        "features = {k: tf.constant(v) for k, v in np.load('features.npz').items()}\n"
        "for name in sys.argv[1:]:\n"
        "    loaded = tf.saved_model.load(f'{name}/saved_model')\n"
        "    out = loaded.signatures['serving_default'](**features)\n"
        "    np.save(f'{name}.npy', out['logits'].numpy())\n"
    )
    names = [build.__name__ for build in builders]
    command = [sys.executable, "-c", program, *names]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    for name, build in zip(names, builders, strict=True):
        logits = np.load(tmp_path / f"{name}.npy")
        np.testing.assert_allclose(logits, _logits(build, features), atol=1e-5)


def test_saved_model_falls_back_to_the_static_length(tmp_path):
    def rebuild(batch_size, length):
        if length is None:
            raise ValueError("needs a length")
        return models.transformer(batch_size, length)

    saved_model.export(["saved_model"], rebuild=rebuild, max_length=LENGTH, folder=tmp_path)
    runner = form_of(tmp_path / "saved_model")
    features = models.features(5, length=8)
    assert runner.length == LENGTH
    np.testing.assert_allclose(runner(features), _logits(models.transformer, features), atol=1e-5)


def test_saved_model_is_written_only_when_asked_for(tmp_path):
    saved_model.export([], rebuild=models.transformer, max_length=LENGTH, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("build", [models.transformer, models.recurrent])
def test_float32_equals_the_model(build, request):
    folder = request.getfixturevalue(build.__name__)
    features = models.features(40)
    runner = form_of(folder / "float32.tflite")
    np.testing.assert_allclose(runner(features), _logits(build, features), atol=1e-4)


@pytest.mark.parametrize("build", [models.transformer, models.recurrent])
@pytest.mark.parametrize("kind", ["dynamic", "int8"])
def test_quantized_files_agree_with_the_model_and_are_smaller(build, kind, request):
    folder = request.getfixturevalue(build.__name__)
    features = models.features(60)
    expected = _logits(build, features)
    runner = form_of(folder / f"{kind}.tflite")
    logits = runner(features)
    assert logits.dtype == np.float32
    assert np.abs(logits - expected).max() > 0
    assert (logits.argmax(-1) == expected.argmax(-1)).mean() >= 0.9
    size = (folder / f"{kind}.tflite").stat().st_size
    assert size < 0.7 * (folder / "float32.tflite").stat().st_size


@pytest.mark.parametrize("build", [models.transformer, models.recurrent])
def test_float16_is_close_to_the_model_and_nearly_half_the_size(build, request):
    folder = request.getfixturevalue(build.__name__)
    features = models.features(40)
    difference = form_of(folder / "float16.tflite")(features) - _logits(build, features)
    assert 0 < np.abs(difference).max() < 1e-2
    size = (folder / "float16.tflite").stat().st_size
    assert size < 0.65 * (folder / "float32.tflite").stat().st_size


def test_files_answer_as_an_interpreter_does(transformer, recurrent):
    """A fused LSTM has state, which no `CompiledModel` could set to zero before a text."""
    for session, folder in ((CompiledSession, transformer), (InterpreterSession, recurrent)):
        files = sorted(folder.iterdir())
        assert len(files) >= 4
        for path in files:
            same_as_interpreter(path, session)


def test_the_signature_keeps_names_and_integer_ids(transformer):
    for path in transformer.iterdir():
        runner = form_of(path)
        inputs = runner.backend.signatures[SERVE].inputs
        assert {f.name for f in runner.features} == set(inputs) == {"padding_mask", "token_ids"}
        assert runner.length == LENGTH
        assert {tensor.dtype for tensor in inputs.values()} == {"int32"}


def test_float32_transformer_is_one_delegate_partition(transformer):
    assert partitions(transformer / "float32.tflite") == 1
    assert partitions(transformer / "dynamic.tflite") == 1


def test_no_loop_and_one_fused_lstm_in_every_file(recurrent):
    for path in recurrent.iterdir():
        ops = operators(path)
        assert ops.count("UNIDIRECTIONAL_SEQUENCE_LSTM") == 1
        assert "WHILE" not in ops


def test_integer_file_computes_with_integers(recurrent):
    from tfapps.backends.litert import interpreter

    session = interpreter(recurrent / "int8.tflite", delegate=False)
    details = {d["index"]: d for d in session.get_tensor_details()}
    for op in session._get_ops_details():
        if op["op_name"] in ("FULLY_CONNECTED", "UNIDIRECTIONAL_SEQUENCE_LSTM"):
            assert {details[i]["dtype"] for i in op["outputs"]} == {np.int8}


@pytest.mark.parametrize("kind", ["float32", "float16", "dynamic", "int8"])
def test_lstm_files_forget_the_row_before_without_a_reset(recurrent, kind):
    from tfapps.backends.litert import interpreter

    run = interpreter(recurrent / f"{kind}.tflite").get_signature_runner()
    row, other = models.features(1, seed=1), models.features(1, seed=2)
    first = run(**row)["logits"]
    run(**other)
    np.testing.assert_allclose(run(**row)["logits"], first, atol=1e-6)


def test_last_state_lstm_is_fused_too():
    features = models.features(6)
    plain = models.recurrent(sequences=False)
    fused = models.recurrent(1, LENGTH, sequences=False)
    assert lstm.fuse(fused) == 1
    rows = [fused({k: v[i : i + 1] for k, v in features.items()}) for i in range(6)]
    np.testing.assert_allclose(np.concatenate(rows), np.asarray(plain(features)), atol=1e-5)


def test_an_lstm_with_other_activations_keeps_its_loop():
    import keras

    inputs = keras.Input((5, 3), batch_size=1)
    model = keras.Model(inputs, keras.layers.LSTM(4, activation="relu")(inputs))
    assert lstm.fuse(model) == 0


def test_closing_inputs_shut_both_gates_at_any_scale():
    for scale in (0.02, 0.5, 4.0):
        kernel = np.full((3, 8), scale, np.float32)
        for peak in (None, 0.3, 5.0):
            grown, value, count = lstm.extend(kernel, peak)
            gates = grown[3:, :4].sum(0) * value
            assert (gates <= -lstm.MARGIN).all() or count == 64
            assert (grown[3:, 4:] == 0).all()
            np.testing.assert_array_equal(grown[:3], kernel)


def test_int8_attention_keeps_products_integer_and_the_rest_float(tmp_path):
    import keras

    from tfapps.backends.litert import interpreter
    from tfapps.layers.attention import SelfAttention
    from tfapps.layers.attention_bias import AttentionBias
    from tfapps.layers.linear import Linear

    def rebuild(batch_size=None, length=None):
        plain = models.transformer(batch_size, length)
        inputs = plain.input
        x = keras.layers.Embedding(models.VOCABULARY, 32, name="wide")(inputs["token_ids"])
        bias = AttentionBias(name="bias")(inputs["padding_mask"])
        x = SelfAttention(2, name="attention")(x * 40, bias)
        return keras.Model(inputs, Linear(4, name="head")(keras.ops.max(x, axis=1)))

    _export(["litert_int8"], rebuild, tmp_path, _calibration())
    path = tmp_path / "litert" / "int8.tflite"
    session = interpreter(path, delegate=False)
    details = {d["index"]: d for d in session.get_tensor_details()}
    kinds = {}
    for op in session._get_ops_details():
        kinds.setdefault(op["op_name"], set()).update(details[i]["dtype"] for i in op["outputs"])
    assert kinds["FULLY_CONNECTED"] == kinds["BATCH_MATMUL"] == {np.int8}
    assert kinds["SOFTMAX"] == {np.float32}
    keras.utils.set_random_seed(7)
    features = models.features(60)
    expected = np.asarray(rebuild()(features))
    agreement = (form_of(path)(features).argmax(-1) == expected.argmax(-1)).mean()
    assert agreement >= 0.9


def test_int8_without_calibration_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="litert_int8 needs calibration batches, got none"):
        _export(["litert_int8"], models.transformer, tmp_path, [])
    assert not (tmp_path / "litert").exists()


def test_calibration_rows_are_cut_padded_and_counted():
    batches = [models.features(150, length=5), models.features(150, length=20)]
    rows = litert.calibration_rows(batches, dict.fromkeys(batches[0], (1, LENGTH)))
    assert {value.shape for value in rows.values()} == {(litert.ROWS, LENGTH)}
    np.testing.assert_array_equal(rows["token_ids"][:150, :5], batches[0]["token_ids"])
    assert (rows["token_ids"][:150, 5:] == 0).all()


def test_an_op_outside_the_built_ins_fails_by_name(tmp_path):
    import keras
    import tensorflow as tf

    class Odd(keras.layers.Layer):
        def call(self, x):
            return tf.strings.to_hash_bucket_fast(tf.strings.as_string(x), 5)

    def rebuild(batch_size, length):
        inputs = {"token_ids": keras.Input((length,), batch_size=batch_size, name="token_ids")}
        return keras.Model(inputs, keras.layers.Lambda(lambda x: Odd()(x))(inputs["token_ids"]))

    with pytest.raises(Failure, match=r"export of litert_float32 failed: .*(AsString|StringTo)"):
        _export(["litert_float32"], rebuild, tmp_path)
    assert not (tmp_path / "litert" / "float32.tflite").exists()


def test_custom_ops_are_found_in_the_bytes():
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    code = schema.OperatorCodeT()
    code.builtinCode, code.customCode = schema.BuiltinOperator.CUSTOM, b"FlexErf"
    model = schema.ModelT()
    model.operatorCodes = [code, schema.OperatorCodeT()]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    assert litert.foreign_ops(bytes(builder.Output())) == ["FlexErf"]
    with pytest.raises(Failure, match="not a TFLite file"):
        litert.foreign_ops(b"nonsense")


def _fake_python(tmp_path, body):
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_a_crash_of_the_child_is_a_failure_with_its_last_line(tmp_path, monkeypatch, no_child):
    body = "echo first >&2; echo calibrating a loop >&2; kill -SEGV $$"
    monkeypatch.setattr(sys, "executable", _fake_python(tmp_path, body))
    with pytest.raises(Failure, match=r"crashed \(SIGSEGV\); its last line: calibrating a loop"):
        litert.convert(tmp_path, "int8", tmp_path / "int8.tflite")
    monkeypatch.setattr(
        sys, "executable", _fake_python(tmp_path, "echo ValueError: bad >&2; exit 1")
    )
    with pytest.raises(Failure, match="export of litert_int8 failed: ValueError: bad"):
        litert.convert(tmp_path, "int8", tmp_path / "int8.tflite")
    assert not (tmp_path / "int8.tflite").exists()


def test_one_child_converts_file_after_file(tmp_path):
    module.save(module.serving_signature(models.transformer(1, LENGTH)), tmp_path / "saved")
    files, children = [tmp_path / "first.tflite", tmp_path / "second.tflite"], []
    for file in files:
        litert.convert(tmp_path / "saved", "float32", file)
        children.append(child._child)
    assert children[0] is children[1] is not None
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_child_works_until_it_dies_or_rests(tmp_path, monkeypatch, no_child):
    output = tmp_path / "made"
    output.touch()

    def ask():
        child.run("child.Path", ["nothing"], output, "litert_float32")  # loads no TensorFlow
        return child._child

    first = ask()
    assert ask() is first
    first._process.kill()
    first._process.wait()
    monkeypatch.setattr(child, "REST", 0.01)
    second = ask()
    assert second is not first
    # Rest may have begun already; a child that does not rest makes this wait fail.
    assert second is None or second._process.wait(timeout=60) < 0


def test_an_interrupted_request_leaves_no_answer_to_the_next(tmp_path, monkeypatch, no_child):
    monkeypatch.setattr(sys, "executable", _fake_python(tmp_path, "sleep 60"))

    def interrupt(line):
        raise KeyboardInterrupt

    monkeypatch.setattr(child.json, "dumps", interrupt)
    with pytest.raises(KeyboardInterrupt):
        litert.convert(tmp_path, "float32", tmp_path / "a.tflite")
    assert child._child is None


def test_exports_are_quiet_and_repeatable(tmp_path, capfd):
    _export(["litert_float32"], models.transformer, tmp_path / "a")
    saved_model.export(
        ["saved_model"], rebuild=models.transformer, max_length=LENGTH, folder=tmp_path / "a"
    )
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "Assets written" not in captured.err
    _export(["litert_float32"], models.transformer, tmp_path / "b")
    first, second = (tmp_path / n / "litert" / "float32.tflite" for n in "ab")
    features = models.features(8)
    np.testing.assert_array_equal(form_of(first)(features), form_of(second)(features))
    assert first.stat().st_size == second.stat().st_size


def test_exporter_modules_import_neither_tensorflow_nor_keras():
    program = (
        "import sys, tfapps.export.litert, tfapps.export.saved_model, tfapps.backends.litert\n"
        "import tfapps.backends.saved_model\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    root = str(Path(__file__).resolve().parents[1])
    environment = {**os.environ, "PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def test_masks_are_low_in_integer_files_only():
    import keras

    from tfapps.export.parts import attention
    from tfapps.layers import attention_bias, pooling

    mask = np.array([[1, 1, 0]], np.int32)
    states = np.random.default_rng(0).normal(size=(1, 3, 4)).astype(np.float32)
    mask_input = keras.Input((3,), dtype="int32")
    state_input = keras.Input((3, 4))
    bias = attention_bias.AttentionBias()(mask_input)
    pooled = pooling.Pooling("attention")(state_input, mask_input)
    model = keras.Model([mask_input, state_input], [bias, pooled])
    before = [np.asarray(x) for x in model([mask, states])]
    assert attention.soften_masks(model) == 1
    after = [np.asarray(x) for x in model([mask, states])]
    assert before[0].min() == attention_bias.BLOCKED
    assert after[0].min() == attention.MASKED
    assert attention_bias.BLOCKED == pooling.BLOCKED == before[0].min()
    np.testing.assert_allclose(after[1], before[1], atol=1e-6)


def test_int8_lstm_behind_a_concatenation_keeps_its_own_scale(tmp_path):
    import keras

    def rebuild(batch_size=None, length=None):
        keras.utils.set_random_seed(3)
        inputs = keras.Input((length,), batch_size=batch_size, dtype="int32", name="token_ids")
        spread = keras.initializers.RandomUniform(-1, 1)
        x = keras.layers.Embedding(models.VOCABULARY, 16, embeddings_initializer=spread)(inputs)
        branches = [keras.layers.LSTM(16, return_sequences=True, name=f"l{i}")(x) for i in (0, 1)]
        branches[1] = keras.ops.relu(branches[1])
        return keras.Model({"token_ids": inputs}, keras.ops.concatenate(branches, axis=-1))

    names = ("token_ids",)
    calibration = [models.features(60, seed=9, names=names)]
    _export(["litert_int8"], rebuild, tmp_path, calibration)
    features = models.features(20, names=names)
    states = form_of(tmp_path / "litert" / "int8.tflite")(features)
    error = np.abs(states - np.asarray(rebuild()(features)))
    assert error.mean() < 0.006  # about one step of the integer grid


@pytest.mark.parametrize("kind", ["float32", "dynamic"])
def test_lstm_cells_may_count_past_ten(tmp_path, kind):
    import keras

    # Gates open wide and a candidate of the input's sign: 15 steps up and 15 down end at 0 if the
    # cell is free, far below if it was clipped at 10 on the way.
    inputs = keras.Input((30,), batch_size=1, dtype="int32", name="token_ids")
    x = keras.ops.expand_dims(keras.ops.cast(inputs, "float32"), -1)
    x = keras.layers.LSTM(1, name="counter")(x)
    model = keras.Model({"token_ids": inputs}, keras.layers.Identity(name="logits")(x))
    kernel = np.array([[0.0, 0.0, 20.0, 0.0]], np.float32)
    bias = np.array([20.0, 20.0, 0.0, 20.0], np.float32)
    model.get_layer("counter").set_weights([kernel, np.zeros((1, 4), np.float32), bias])
    ids = np.array([[1] * 15 + [-1] * 15], np.int32)
    expected = np.asarray(model({"token_ids": ids}))
    assert abs(expected.item()) < 1e-3
    litert.export([f"litert_{kind}"], rebuild=lambda b, t: model, max_length=30, folder=tmp_path)
    path = tmp_path / "litert" / f"{kind}.tflite"
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in operators(path)
    logits = form_of(path)({"token_ids": ids})
    np.testing.assert_allclose(logits, expected, atol=0.05 if kind == "dynamic" else 1e-4)
