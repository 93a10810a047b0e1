"""Shared fixtures: where real data is, and one small finished run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("TFAPPS_DATA", ROOT.parent / "shared" / "data"))

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

TINY = """
task: {name: classification}
data: {source: tsv, train: train.tsv, dev: dev.tsv, text: text, label: label}
model: {name: bert, size: tiny, max_length: 16}
text: {vocabulary_size: 300, min_frequency: 1}
train: {epochs: 2, batch_size: 8, learning_rate: 1.0e-3, log_every: 2}
export: [saved_model, litert_float32, litert_dynamic, litert_int8]
"""


@pytest.fixture(scope="session")
def real_data():
    """The folder of real data sets, or skip."""
    if not DATA.is_dir():
        pytest.skip(f"no real data: {DATA} is not a folder; set TFAPPS_DATA")
    return DATA


def tfapps(*arguments, cwd, stdin=None):
    """Run the command as a user does; returns the completed process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TFAPPS_DATA": str(cwd)}
    return subprocess.run(
        [sys.executable, "-m", "tfapps", *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def write_rows(path, count, start=0):
    """A separable toy data set: fruit against tools."""
    words = {"fruit": ["apple", "pear", "plum"], "tool": ["hammer", "saw", "drill"]}
    lines = ["text\tlabel"]
    for i in range(start, start + count):
        label = ("fruit", "tool")[i % 2]
        lines.append(f"I want the {words[label][i // 2 % 3]} number {i}\t{label}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def workplace(tmp_path_factory):
    """A folder with a tiny config, its data, and the finished run `tiny`."""
    folder = tmp_path_factory.mktemp("workplace")
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    write_rows(folder / "train.tsv", 64)
    write_rows(folder / "dev.tsv", 24, start=64)
    finished = tfapps("run", "tiny.yaml", cwd=folder)
    assert finished.returncode == 0, finished.stderr + finished.stdout
    (folder / "run.log").write_text(finished.stdout, encoding="utf-8")
    return folder
