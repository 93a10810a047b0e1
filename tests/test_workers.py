"""Several workers train what one process trains."""

import json
import os
import signal

import numpy as np
import pytest
from running import BERT, TINY, process, tfapps, write_rows
from safetensors.numpy import load_file

from tfapps.errors import InputError
from tfapps.processes import launch, workers

STILL = f"{BERT}, dropout: 0.0"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workers")
    text = TINY.split("export:")[0].replace(BERT, STILL)
    text = text.replace("name: classification", "name: classification, dropout: 0.0")
    (folder / "tiny.yaml").write_text(text + "export: [litert_float32]\n")
    write_rows(folder / "train.tsv", 83)  # the last batch is not full
    write_rows(folder / "dev.tsv", 24, start=83)
    return folder


def weights(place, name):
    return load_file(place / f"saved_models/{name}/weights.safetensors")


@pytest.mark.slow
def test_two_workers_train_what_one_process_trains(place):
    alone = process("run", "tiny.yaml", "name=alone", cwd=place)
    assert alone.returncode == 0, alone.stderr
    done = process("launch", "tiny.yaml", "name=together", "--workers", "2", cwd=place)
    assert done.returncode == 0, done.stderr
    for path, value in weights(place, "alone").items():
        np.testing.assert_allclose(weights(place, "together")[path], value, atol=1e-5, err_msg=path)
    proof = json.loads((place / "saved_models/together/verify.json").read_text())
    assert proof["litert_float32"]["agreement"] == 1.0
    assert not list((place / "saved_models").glob(".worker_*"))


# Whom a process trains with


def role(monkeypatch, **config):
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    return workers.current()


def test_the_chief_is_the_first_of_all(monkeypatch):
    pair = {"worker": ["a:1", "b:2"]}
    assert role(monkeypatch, cluster=pair, task={"type": "worker", "index": 0}).chief
    second = role(monkeypatch, cluster=pair, task={"type": "worker", "index": 1})
    assert (second.index, second.chief, workers.chief()) == (1, False, False)
    both = {"chief": ["c:0"], "worker": ["a:1"]}
    assert role(monkeypatch, cluster=both, task={"type": "worker", "index": 0}).index == 1


def test_a_process_alone_has_no_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert workers.current() is None
    assert workers.chief()
    assert role(monkeypatch, cluster={"worker": ["a:1"]}, task={}) is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1", "b:2"]}}',
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 2}}',
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_a_cluster_that_leaves_this_process_out_is_refused(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError, match=r"TF_CONFIG: .*; expected \{\"cluster\""):
        workers.current()


def test_several_machines_need_somebody_to_name_them(place):
    done = tfapps("run", "tiny.yaml", "train.strategy=multi_worker", cwd=place)
    assert done.returncode == 2
    assert "train.strategy: got multi_worker, but TF_CONFIG names no other worker" in done.stderr


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--workers", "1"], "--workers: got 1, expected 2 or more"),
        (["train.strategy=mirrored"], "expected multi_worker or auto to run on several workers"),
    ],
)
def test_an_invalid_launch_is_refused(place, more, text):
    done = tfapps("launch", "tiny.yaml", *more, cwd=place)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr


# Workers that are lost


def launched(tmp_path, monkeypatch, code, times, restarts):
    """Two workers of which the second ends with `code` so many times."""
    monkeypatch.chdir(tmp_path)
    started = []

    def popen(command, env, **_):
        started.append(json.loads(env["TF_CONFIG"])["task"]["index"])
        ends = code if started[-1] == 1 and started.count(1) <= times else 0
        return Ended(ends, waits=started[-1] == 0 and ends == 0 and started.count(0) <= times)

    monkeypatch.setattr(launch.subprocess, "Popen", popen)
    return launch.launch("x", ["run", "c.yaml"], 2, restarts), started


class Ended:
    """A process with this exit code, or one that goes on until it is told to end."""

    def __init__(self, code, waits):
        self.code, self.waits = code, waits

    def poll(self):
        return None if self.waits else self.code

    def send_signal(self, number):
        assert number == signal.SIGTERM
        self.waits = False

    def wait(self, timeout=None):
        return self.code


def test_all_workers_restart_when_one_is_lost(tmp_path, monkeypatch, capsys):
    code, started = launched(tmp_path, monkeypatch, -9, times=2, restarts=3)
    assert code == 0
    assert started == [0, 1] * 3
    assert capsys.readouterr().err.count("worker 1 ended with -9; all start again") == 2


def test_logs_are_removed_when_all_went_well_and_kept_otherwise(tmp_path, monkeypatch):
    logs = tmp_path / "saved_models"
    assert launched(tmp_path, monkeypatch, -9, times=1, restarts=1)[0] == 0
    assert list(logs.iterdir()) == []
    assert launched(tmp_path, monkeypatch, -9, times=9, restarts=0)[0] == 137
    assert [file.name for file in logs.iterdir()] == [".x.worker_1.log"]


def test_a_launch_fails_after_the_last_restart(tmp_path, monkeypatch, capsys):
    code, started = launched(tmp_path, monkeypatch, -9, times=9, restarts=1)
    assert code == 137
    assert len(started) == 4
    assert ".x.worker_1.log" in capsys.readouterr().err


def test_bad_input_is_not_tried_again(tmp_path, monkeypatch):
    code, started = launched(tmp_path, monkeypatch, 2, times=9, restarts=3)
    assert (code, len(started)) == (2, 2)


def test_addresses_are_free_and_differ():
    addresses = launch.free_addresses(3)
    assert len(set(addresses)) == 3
    assert os.environ.get("TF_CONFIG") is None
    settings = json.loads(launch.environment(addresses, 2)["TF_CONFIG"])
    assert settings == {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": 2}}
