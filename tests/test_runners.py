"""Runners: features in, logits out, and plain words for what does not fit."""

from __future__ import annotations

import export_models as models
import numpy as np
import pytest

from tfapps.errors import InputError
from tfapps.export import litert, saved_model
from tfapps.runners import _features
from tfapps.runners import saved_model as saved_model_runner
from tfapps.runners.litert import LiteRTRunner
from tfapps.runners.saved_model import SavedModelRunner

LENGTH = models.LENGTH


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runners")
    arguments = {"rebuild": models.tagger, "max_length": LENGTH, "folder": path}
    litert.export(["litert_float32"], **arguments)
    saved_model.export(["saved_model"], **arguments)
    return path


@pytest.fixture(params=["litert", "saved_model"])
def runner(request, folder):
    if request.param == "litert":
        return LiteRTRunner(folder / "litert" / "float32.tflite", threads=2)
    return SavedModelRunner(folder / "saved_model")


def _ids(rows, length):
    return models.features(rows, length=length, names=("token_ids",))


@pytest.mark.parametrize("length", [3, LENGTH])
def test_logits_have_the_length_of_the_features(runner, length):
    features = _ids(4, length)
    expected = np.asarray(models.tagger()(features))
    np.testing.assert_allclose(runner(features), expected, atol=1e-5)


def test_litert_cuts_rows_that_are_too_long(folder):
    runner = LiteRTRunner(folder / "litert" / "float32.tflite")
    features = _ids(2, LENGTH + 5)
    cut = {"token_ids": features["token_ids"][:, :LENGTH]}
    np.testing.assert_array_equal(runner(features), runner(cut))


def test_no_rows_give_no_logits(runner):
    assert runner(_ids(0, LENGTH)).shape == (0, LENGTH, models.CLASSES)


def test_saved_model_batches_do_not_show(folder, monkeypatch):
    runner = SavedModelRunner(folder / "saved_model")
    features = _ids(7, LENGTH)
    whole = runner(features)
    monkeypatch.setattr(saved_model_runner, "BATCH", 3)
    np.testing.assert_allclose(runner(features), whole, atol=1e-6)


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
        _features.check(columns, ["a", "b"])


def test_missing_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"float32.tflite: no such file; export the run first"):
        LiteRTRunner(tmp_path / "float32.tflite")
    with pytest.raises(InputError, match="no SavedModel there; export the run first"):
        SavedModelRunner(tmp_path)


def test_damaged_files_are_refused(folder, tmp_path):
    whole = (folder / "litert" / "float32.tflite").read_bytes()
    for i, content in enumerate((b"", b"not a model", whole[: len(whole) // 2])):
        path = tmp_path / f"{i}.tflite"
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"LiteRT cannot load it .*export it again"):
            LiteRTRunner(path)
    (tmp_path / "saved_model.pb").write_bytes(b"not a graph")
    with pytest.raises(InputError, match="TensorFlow cannot load it"):
        SavedModelRunner(tmp_path)


def test_litert_announces_nothing(folder, capfd):
    LiteRTRunner(folder / "litert" / "float32.tflite")(_ids(2, LENGTH))
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_an_op_that_refuses_a_row_is_a_failure(folder, monkeypatch):
    from tfapps.errors import Failure

    runner = LiteRTRunner(folder / "litert" / "float32.tflite")

    def refuse(**row):
        raise RuntimeError("div.cc:262 zero_point\nNode 33 failed")

    monkeypatch.setitem(runner._runs, LENGTH, refuse)
    with pytest.raises(Failure, match=r"stopped in the middle: div\.cc:262 zero_point Node 33"):
        runner._row({})
