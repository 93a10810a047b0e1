"""Backends: features in, logits out, and plain words for what does not fit."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import export_models as models
import keras
import numpy as np
import pytest
from asking import form_of, same_as_interpreter
from running import ROOT

from tfapps.backends import _quiet, _sessions
from tfapps.backends._compiled import CompiledSession, has_constant_outputs, has_state
from tfapps.backends._interpreter import InterpreterSession
from tfapps.backends.base import SERVE
from tfapps.backends.litert import LiteRT
from tfapps.errors import InputError
from tfapps.export import litert, saved_model
from tfapps.export.parts import flatbuffer
from tfapps.features import padding
from tfapps.features.feature import tokens
from tfapps.forms import base
from tfapps.layers.empty_cache import EmptyCache

LENGTH = models.LENGTH
NOTE = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
NOTE += b"INFO: [environment.cc:36] Creating LiteRT environment with options\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("backends")
    arguments = {"rebuild": models.tagger, "max_length": LENGTH, "folder": path}
    litert.export(["litert_float32"], **arguments)
    saved_model.export(["saved_model"], **arguments)
    return path


@pytest.fixture(params=["litert", "saved_model"])
def runner(request, folder):
    if request.param == "litert":
        return form_of(folder / "litert" / "float32.tflite", threads=2)
    return form_of(folder / "saved_model")


def _ids(rows, length):
    return models.features(rows, length=length, names=("token_ids",))


@pytest.mark.parametrize("length", [3, LENGTH])
def test_logits_have_the_length_of_the_features(runner, length):
    features = _ids(4, length)
    expected = np.asarray(models.tagger()(features))
    np.testing.assert_allclose(runner(features), expected, atol=1e-5)


def test_litert_cuts_rows_that_are_too_long(folder):
    runner = form_of(folder / "litert" / "float32.tflite")
    features = _ids(2, LENGTH + 5)
    cut = {"token_ids": features["token_ids"][:, :LENGTH]}
    np.testing.assert_array_equal(runner(features), runner(cut))


def test_no_rows_give_no_logits(runner):
    assert runner(_ids(0, LENGTH)).shape == (0, LENGTH, models.CLASSES)


def test_saved_model_batches_do_not_show(folder, monkeypatch):
    runner = form_of(folder / "saved_model")
    features = _ids(7, LENGTH)
    full = runner(features)
    monkeypatch.setattr(base, "BATCH", 3)
    np.testing.assert_allclose(runner(features), full, atol=1e-6)


def test_wrong_inputs_are_named(runner):
    with pytest.raises(InputError, match="missing token_ids; expected token_ids"):
        runner({})
    with pytest.raises(InputError, match="unknown segment_ids; expected token_ids"):
        runner({**_ids(1, LENGTH), "segment_ids": np.zeros((1, LENGTH), np.int32)})
    with pytest.raises(InputError, match=r"one shape \(rows, length\)"):
        runner({"token_ids": np.zeros(LENGTH, np.int32)})


def test_inputs_of_different_shapes_are_refused():
    columns = {"a": np.zeros((2, 3)), "b": np.zeros((2, 4))}
    with pytest.raises(InputError, match=r"one shape \(rows, length\)"):
        padding.check(columns, tokens("a", "b"))


def test_missing_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"float32.tflite: no such file; export the run first"):
        form_of(tmp_path / "float32.tflite")
    with pytest.raises(InputError, match="no SavedModel there; export the run first"):
        form_of(tmp_path)


def test_damaged_files_are_refused(folder, tmp_path):
    full = (folder / "litert" / "float32.tflite").read_bytes()
    for i, content in enumerate((b"", b"not a model", full[: len(full) // 2])):
        path = tmp_path / f"{i}.tflite"
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"LiteRT cannot load it .*export it again"):
            form_of(path)
    (tmp_path / "saved_model.pb").write_bytes(b"not a graph")
    with pytest.raises(InputError, match="TensorFlow cannot load it"):
        form_of(tmp_path)


def test_litert_announces_nothing(folder):
    program = (
        "import sys, numpy as np\n"
        "from tfapps.backends.litert import LiteRT\n"
        f"ones = {{'token_ids': np.ones((1, {LENGTH}), np.int32)}}\n"
        "LiteRT(sys.argv[1]).call('serving_default', ones)\n"
    )
    file = folder / "litert" / "float32.tflite"
    child = subprocess.run(
        [sys.executable, "-c", program, file], capture_output=True, text=True, cwd=ROOT
    )
    assert (child.returncode, child.stdout, child.stderr) == (0, "", "")


def test_standard_error_is_not_redirected_from_a_thread_or_beside_one(folder):
    """A thread that writes all the time loses nothing, whoever loads files meanwhile."""
    program = (
        "import os, sys, threading\n"
        "from tfapps.backends.litert import interpreter\n"
        "over, real = threading.Event(), os.dup2\n"
        "def refuse(*_): raise SystemExit('file descriptor 2 was redirected')\n"
        "os.dup2 = refuse\n"
        "load = threading.Thread(target=interpreter, args=sys.argv[1:])\n"
        "load.start(); load.join()\n"
        "threading.Thread(target=over.wait, daemon=True).start()\n"
        "interpreter(sys.argv[1]); over.set()\n"
    )
    file = folder / "litert" / "float32.tflite"
    child = subprocess.run(
        [sys.executable, "-c", program, file], capture_output=True, text=True, cwd=ROOT
    )
    assert (child.returncode, child.stdout) == (0, "")
    assert all(_quiet.REPORT.match(line.encode()) for line in child.stderr.splitlines())


def test_what_is_written_while_a_file_is_loaded_is_kept(capfd):
    with _quiet._redirected():
        os.write(2, b"warning: something else\n" + NOTE + b"ERROR: Node 7 failed\n")
    assert capfd.readouterr().err == "warning: something else\nERROR: Node 7 failed\n"


@pytest.mark.parametrize("alone", [True, False])
def test_an_op_that_refuses_a_row_is_a_failure(folder, monkeypatch, alone):
    from tfapps.errors import Failure

    monkeypatch.setattr(_sessions, "alone", lambda: alone)
    runner = form_of(folder / "litert" / "float32.tflite")
    expected = runner(_ids(1, LENGTH))
    unknown = {"token_ids": np.full((1, LENGTH), models.VOCABULARY + 9, np.int32)}
    with pytest.raises(Failure, match=r"stopped in the middle: .*out of bounds.*GATHER"):
        runner(unknown)
    np.testing.assert_array_equal(runner(_ids(1, LENGTH)), expected)


@pytest.mark.parametrize(("shape", "dtype"), [((1, 3), "int32"), ((1, LENGTH), "float32")])
def test_an_input_that_does_not_fill_its_buffer_is_refused(folder, monkeypatch, shape, dtype):
    """It would be answered with the rest of an earlier text."""
    monkeypatch.setattr(_sessions, "alone", lambda: True)
    backend = LiteRT(folder / "litert" / "float32.tflite")
    with pytest.raises(ValueError, match=rf"token_ids: got .* of {dtype}, expected \(1, 12\) of"):
        backend.call(SERVE, {"token_ids": np.ones(shape, dtype)})


def test_a_file_that_a_compiled_model_refuses_runs_in_an_interpreter(folder, monkeypatch):
    from ai_edge_litert.compiled_model import CompiledModel

    def refuse(*_, **__):
        raise RuntimeError("Failed to load model from buffer")

    monkeypatch.setattr(CompiledModel, "from_buffer", refuse)
    same_as_interpreter(folder / "litert" / "float32.tflite", InterpreterSession)


def _caches(batch_size=None, length=None):
    """What an encoder gives a decoder that has seen nothing: constants, two of them equal."""
    ids = keras.Input((LENGTH,), batch_size=batch_size, dtype="int32", name="token_ids")
    position, keys, values = EmptyCache(1, 2, LENGTH, LENGTH)(ids)
    outputs = {"position": position, "keys": keys, "values": values}
    return keras.Model({"token_ids": ids}, outputs)


def test_equal_constants_among_the_outputs_are_all_given(tmp_path):
    litert.export(["litert_float32"], rebuild=_caches, max_length=LENGTH, folder=tmp_path)
    path = tmp_path / "litert" / "float32.tflite"
    same_as_interpreter(path, InterpreterSession)
    outputs = LiteRT(path).call(SERVE, {"token_ids": np.ones((1, LENGTH), "int32")})
    assert {name: array.shape for name, array in outputs.items()} == {
        "position": (1,),
        "keys": (1, 2, LENGTH, LENGTH),
        "values": (1, 2, LENGTH, LENGTH),
    }
    model = flatbuffer.read(path.read_bytes())
    tensors = [entry.tensorIndex for entry in model.signatureDefs[0].outputs]
    assert len(set(tensors)) == 3  # a phone's `CompiledModel` gives a shared one only once
    assert sorted(tensors) == sorted(model.subgraphs[0].outputs)


def test_damaged_bytes_have_no_state(folder):
    full = (folder / "litert" / "float32.tflite").read_bytes()
    for content in (b"", b"\xff" * 64, *(full[:size] for size in range(4, 4000, 97))):
        # LiteRT says what is wrong with them.
        assert {has_state(content), has_constant_outputs(content)} <= {True, False}


def test_threads_get_the_answers_of_one(folder):
    runner = form_of(folder / "litert" / "float32.tflite")
    features = _ids(64, LENGTH)
    expected = runner(features)

    def ask(start):
        return runner({name: column[start::8] for name, column in features.items()})

    with ThreadPoolExecutor(8) as threads:
        for round_ in range(4):
            answers = list(threads.map(ask, range(8)))
            for start, actual in enumerate(answers):
                np.testing.assert_array_equal(actual, expected[start::8], f"round {round_}")


def test_a_pool_makes_no_more_sessions_than_cores(folder, monkeypatch):
    monkeypatch.setattr(_sessions, "cores", lambda: 4)
    pool = _sessions.Sessions(folder / "litert" / "float32.tflite", threads=2)
    with pool.borrowed() as first, pool.borrowed() as second:
        assert first is not second
        assert not pool._places.acquire(blocking=False)  # a third caller waits
    with pool.borrowed() as again:
        assert again in (first, second)


def test_callers_that_meet_are_answered_by_interpreters(folder, monkeypatch):
    """`CompiledModel` keeps Python's global lock while it runs, and would answer one at a time."""
    monkeypatch.setattr(_sessions, "cores", lambda: 2)
    monkeypatch.setattr(_sessions, "alone", lambda: True)
    pool = _sessions.Sessions(folder / "litert" / "float32.tflite")
    for _ in range(2):
        with pool.borrowed() as alone:
            assert type(alone) is CompiledSession
    with pool.borrowed(), pool.borrowed() as second:
        assert type(second) is InterpreterSession
    with pool.borrowed() as third, pool.borrowed() as fourth:
        assert {type(third), type(fourth)} == {InterpreterSession}
    monkeypatch.setattr(_sessions, "alone", lambda: False)  # as in a notebook
    with _sessions.Sessions(folder / "litert" / "float32.tflite").borrowed() as session:
        assert type(session) is InterpreterSession


def test_a_file_that_is_replaced_later_changes_nothing(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(_sessions, "cores", lambda: 2)
    path = tmp_path / "float32.tflite"
    path.write_bytes((folder / "litert" / "float32.tflite").read_bytes())
    runner, features = form_of(path), _ids(3, LENGTH)
    expected = runner(features)
    path.write_bytes(b"another export")
    with runner.backend._sessions.borrowed():  # so that another has to be made
        np.testing.assert_array_equal(runner(features), expected)
