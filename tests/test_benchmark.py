"""Benchmark: the figures mean what they say."""

from __future__ import annotations

import gzip
import sys

import export_models as models
import numpy as np
import pytest

from tfapps.errors import Failure, InputError
from tfapps.export import litert
from tfapps.verify import _peak, cost


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark")
    litert.export(
        ["litert_float32"], rebuild=models.tagger, max_length=models.LENGTH, folder=folder
    )
    return folder / "litert" / "float32.tflite"


def test_latency_is_of_single_rows_and_throughput_of_a_batch(monkeypatch):
    clock = iter(np.cumsum([0.0] + [1.0, 0.0] * 4 + [1.0, 0.0]))
    monkeypatch.setattr(cost.time, "perf_counter", lambda: next(clock))
    sizes = []

    def runner(features):
        sizes.append(len(features["token_ids"]))
        return np.zeros((sizes[-1], 2))

    figures = cost.measure(runner, models.features(2), rows=4)
    assert sizes == [1] * (cost.WARMUP + 4) + [4, 4]
    assert figures == {"p50_ms": 1000.0, "p95_ms": 1000.0, "throughput_per_s": 4.0}


def test_every_row_is_taken_in_turn():
    seen = []

    def runner(features):
        seen.append(features["token_ids"][:, 0].tolist())
        return np.zeros((1, 2))

    cost.measure(runner, {"token_ids": np.array([[7], [8]])}, rows=3)
    assert seen[-1] == [7, 8, 7]


@pytest.mark.parametrize(("features", "rows"), [({}, 5), (models.features(0), 5), (None, 0)])
def test_no_rows_is_an_input_error(features, rows):
    with pytest.raises(InputError, match="a benchmark needs rows"):
        cost.measure(lambda f: f, features or {}, rows=rows)


def test_size_of_files_and_folders(tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"12345")
    (tmp_path / "variables" / "data").write_bytes(b"123")
    assert cost.size(tmp_path) == 8
    assert cost.size(tmp_path / "saved_model.pb") == 5
    with pytest.raises(InputError, match="no such file or folder; export the run first"):
        cost.size(tmp_path / "nowhere")


def test_gzip_size_is_what_gzip_writes(tmp_path):
    noise = np.random.default_rng(0).integers(0, 9, 3_000_000, np.uint8).tobytes()
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "data").write_bytes(noise)
    (tmp_path / "saved_model.pb").write_bytes(b"1" * 1000)
    (tmp_path / "fingerprint.pb").write_bytes(b"")
    written = [gzip.compress(content, 6) for content in (noise, b"1" * 1000, b"")]
    assert cost.gzip_size(tmp_path) == sum(map(len, written))
    assert cost.gzip_size(tmp_path / "variables" / "data") == len(written[0])
    with pytest.raises(InputError, match="no such file or folder; export the run first"):
        cost.gzip_size(tmp_path / "nowhere")


def test_peak_memory_is_of_the_child_alone(path):
    ballast = np.ones(50_000_000)  # 400 MB that the child must not be charged with
    figure = cost.peak_memory(path)
    assert 10e6 < figure < 300e6
    assert _peak.peak() > ballast.nbytes


def test_peak_memory_of_a_damaged_file_fails(tmp_path):
    (tmp_path / "x.tflite").write_bytes(b"nonsense")
    with pytest.raises(Failure, match=r"cannot measure the memory of .*LiteRT cannot load it"):
        cost.peak_memory(tmp_path / "x.tflite")


def test_peak_memory_errors_show_the_output_in_any_encoding(tmp_path, monkeypatch):
    child = tmp_path / "python"
    child.write_text("#!/bin/sh\nprintf 'caf\\351 lost\\n' >&2\nexit 1\n")
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    with pytest.raises(Failure, match="cannot measure the memory of x: caf\ufffd lost"):
        cost.peak_memory("x")
