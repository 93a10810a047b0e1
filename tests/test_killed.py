"""Runs that are killed and started again: the same files as those of a run that never was."""

import json
import os
import re
import signal

import numpy as np
import preloaded
import pytest
from running import TINY, write_rows
from safetensors.numpy import load_file

QAT = "compress:\n  - {name: prune, sparsity: 0.5, epochs: 1}\n  - {name: qat, epochs: 1}\n"
ALONE = ("compress=[]", "export=[]")  # the training and nothing after it
# In the child: a line for every step, and the signal to itself once so many have passed.
KILLER = """
import os, signal, sys
left, number = int(sys.argv[1]), int(sys.argv[2])
if number != signal.SIGKILL:
    signal.signal(number, signal.SIG_DFL)  # which a shell may have ignored, and then it stays so
from tfapps.train import step
plain = step.Step.__call__

def counted(self, batch, update=True):
    global left
    if left == 0:
        os.kill(os.getpid(), number)
    left -= 1
    return plain(self, batch, update)

step.Step.__call__ = counted
sys.argv = ["tfapps", "run", "tiny.yaml", *sys.argv[3:]]
from tfapps.cli.main import main
sys.exit(main())
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    text = TINY.split("export:")[0].replace("log_every: 2", "log_every: 2, checkpoint_every: 0")
    (folder / "tiny.yaml").write_text(f"{text}{QAT}export: [litert_float32]\n")
    write_rows(folder / "train.tsv", 64)
    write_rows(folder / "dev.tsv", 24, start=64)
    return folder


def started(place, name, steps=10**9, number=signal.SIGKILL, overrides=()):
    """A run in a folder of its own that shares data and config."""
    folder = place / name
    folder.mkdir(exist_ok=True)
    for file in ("tiny.yaml", "train.tsv", "dev.tsv"):
        if not (folder / file).exists():
            (folder / file).symlink_to(place / file)
    environment = {**os.environ, "TFAPPS_DATA": str(folder)}
    words = [str(steps), str(int(number)), *overrides]
    return preloaded.python(KILLER, *words, cwd=folder, env=environment)


@pytest.fixture(scope="module")
def trained(place):
    done = started(place, "trained", overrides=ALONE)
    assert done.returncode == 0, done.stderr
    return place / "trained/saved_models/tiny"


@pytest.fixture(scope="module")
def uninterrupted(place):
    done = started(place, "whole")
    assert done.returncode == 0, done.stderr
    return place / "whole/saved_models/tiny"


def same(one, other):
    weights, expected = (load_file(path / "weights.safetensors") for path in (one, other))
    assert list(weights) == list(expected)
    for path, value in expected.items():
        np.testing.assert_array_equal(weights[path], value, err_msg=path)
    report, reference = (json.loads((path / "metrics.json").read_text()) for path in (one, other))
    assert report["dev"] == reference["dev"]
    losses = [[record["loss"] for record in part["training"]] for part in (report, reference)]
    assert losses[0] == losses[1]


def test_a_stopped_run_reports_its_step_and_ends_with_the_same_weights(place, trained):
    """By a kill, by SIGTERM and by Ctrl-C, one after the other; then to its end."""
    killed = started(place, "stopped", 5, overrides=ALONE)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    saved = None
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        stopped = started(place, "stopped", 2, number, ALONE)
        assert stopped.returncode == code, stopped.stderr
        start = int(re.search(r"resumes at step (\d+) of 16", stopped.stderr)[1])
        assert saved in (None, start)
        saved = start + 3  # the step before which the signal came is still done
        text = f"stopped at step {saved} of 16, saved; the same command resumes it"
        assert text in stopped.stderr
        assert "Traceback" not in stopped.stderr
    finished = started(place, "stopped", overrides=ALONE)
    assert finished.returncode == 0, finished.stderr
    assert f"resumes at step {saved} of 16" in finished.stderr
    same(place / "stopped/saved_models/tiny", trained)
    assert not (place / "stopped/saved_models/.tiny.state").exists()


@pytest.mark.slow
@pytest.mark.parametrize("steps", [[5, 9], [20, 4, 6]], ids=["training", "compressing"])
def test_killed_runs_end_with_the_same_weights(place, uninterrupted, steps, request):
    name = request.node.callspec.id
    for count in steps:
        killed = started(place, name, count)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
    finished = started(place, name)
    assert finished.returncode == 0, finished.stderr
    assert "resumes at step" in finished.stderr
    same(place / name / "saved_models/tiny", uninterrupted)
    assert not (place / name / "saved_models/.tiny.state").exists()


@pytest.mark.slow
def test_a_run_killed_before_compression_has_a_state_ends_with_the_same_weights(
    place, uninterrupted
):
    killed = started(place, "uncompressed", 16)  # all steps of the training
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert "compressing: prune" in killed.stdout
    finished = started(place, "uncompressed")
    assert finished.returncode == 0, finished.stderr
    assert "resumes at step" not in finished.stderr
    same(place / "uncompressed/saved_models/tiny", uninterrupted)


@pytest.mark.slow
def test_a_killed_run_is_kept_while_another_config_of_its_name_runs(place, uninterrupted):
    assert started(place, "changed", 5).returncode == -signal.SIGKILL
    other = started(place, "changed", overrides=["seed=14", "compress=[]", "export=[]"])
    assert other.returncode == 0, other.stderr
    kept = "unfinished work of another config or other data is kept in saved_models/.tiny.state"
    assert f"tiny: {kept} (train_" in other.stdout
    assert "resumes at step" not in other.stderr
    refused = started(place, "changed")
    assert refused.returncode == 2
    assert "seed 14 (here 13). It is kept: train under another name, name=tiny-2" in refused.stderr
    finished = started(place, "changed", overrides=["--overwrite"])
    assert finished.returncode == 0, finished.stderr
    assert "resumes at step" in finished.stderr
    same(place / "changed/saved_models/tiny", uninterrupted)
    assert not (place / "changed/saved_models/.tiny.state").exists()
