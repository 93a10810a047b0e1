"""Shared fixtures: where real data is, and one small finished run."""

import fcntl
import functools
import os
import shutil
from pathlib import Path

import preloaded
import pytest
import tiny_runs as tiny
from hypothesis import settings
from running import ROOT, TINY, eagerly, process, write_rows

import tfapps  # noqa: F401 - chooses the backend of Keras, before a test file imports that
from tfapps.export.parts import child

DATA = Path(os.environ.get("TFAPPS_DATA", ROOT.parent / "shared" / "data"))

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the command line does

# The same examples every time; `make test-slow` takes `random` and prints the seed it takes.
settings.register_profile("quick", derandomize=True)
settings.register_profile("random", database=None, print_blob=True)
settings.load_profile("quick")

child.REST = 600.0  # tests of exports follow one another less quickly than exports

QUICK = "not slow"  # which tests `make test` runs

# Files of many minutes, begun first: else one core would wait for the other at the end.
LONG = ("matrix", "shipped_configs", "contract", "killed", "tuned_runs", "resume")


def pytest_configure(config):
    """Make errors of warnings that our test modules raise: each is a module of its own name."""
    names = "|".join(sorted(path.stem for path in Path(__file__).parent.glob("*.py")))
    config.addinivalue_line("filterwarnings", f"error:::({names})$")
    if config.option.markexpr == QUICK:
        os.environ[preloaded.AS_TRACED] = "yes"


def pytest_runtest_setup():
    """Have graphs run as they were traced, in quick tests."""
    preloaded.run_graphs_as_traced()


def pytest_collection_modifyitems(items):
    """Long files to the front."""
    places = {f"test_{name}.py": place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONG)))


@pytest.fixture(scope="session")
def real_data():
    """The folder of real data sets, or skip."""
    if not DATA.is_dir():
        pytest.skip(f"no real data: {DATA} is not a folder; set TFAPPS_DATA")
    return DATA


@pytest.fixture(scope="session")
def workplace(tmp_path_factory):
    """A folder with a tiny config, its data, and the finished run `tiny`."""
    return made_once(tmp_path_factory, "workplace", _workplace)


def _workplace(folder):
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    write_rows(folder / "train.tsv", 64)
    write_rows(folder / "dev.tsv", 24, start=64)
    finished = process("run", "tiny.yaml", cwd=folder)
    assert finished.returncode == 0, finished.stderr + finished.stdout
    (folder / "run.log").write_text(finished.stdout + finished.stderr, encoding="utf-8")


def made_once(tmp_path_factory, name, make):
    """Return a folder that one worker of pytest-xdist fills, as a copy of this worker's own."""
    folder = tmp_path_factory.mktemp(name) / name
    shutil.copytree(shared(tmp_path_factory, name, make), folder)
    return folder


def shared(tmp_path_factory, name, make):
    """Return the folder that one worker of pytest-xdist fills for all; none may change it."""
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent
    original = common / f"made_{name}"
    with (common / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (original / "whole").exists():
            shutil.rmtree(original, ignore_errors=True)
            original.mkdir()
            make(original)
            (original / "whole").touch()
    return original


@pytest.fixture(scope="session")
def tiny_runs(tmp_path_factory):
    """Name of a tiny run -> the folder that it lies in, trained once; see `tiny_runs.RUNS`.

    Files of data and configs lie there from the start, so for None nothing is trained.
    """
    folder = tmp_path_factory.mktemp("tiny_runs")
    for split, count in (("train", 48), ("dev", 12)):
        tiny.write_data(folder, split, count)
    for name in tiny.RUNS:
        tiny.write_config(folder, name)

    def train(name, original):
        shutil.copytree(folder, original, dirs_exist_ok=True)
        tiny.train(original, name)

    def trained(name):
        for needed in () if name is None else (*tiny.RUNS[name].after, name):
            run = folder / "saved_models" / needed
            if not run.exists():
                make = functools.partial(train, needed)
                original = shared(tmp_path_factory, f"tiny_{needed}", make)
                shutil.copytree(original / "saved_models" / needed, run)
        return folder

    return trained


@pytest.fixture
def step_by_step():
    """Execute the steps of TensorFlow one by one, see `running.eagerly`."""
    with eagerly():
        yield


@pytest.fixture
def no_child(monkeypatch):
    """No converting child, and none left behind; that of other tests waits meanwhile."""
    with monkeypatch.context() as patch:
        patch.setattr(child, "_child", None)
        yield
        child.end()
