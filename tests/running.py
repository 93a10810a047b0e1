"""Running the command line in tests, and a toy data set for it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

TINY = """
task: {name: classification}
data: {source: tsv, train: train.tsv, dev: dev.tsv, text: text, label: label}
model: {name: bert, size: tiny, max_length: 16}
text: {vocabulary_size: 300, min_frequency: 1}
train: {epochs: 2, batch_size: 8, learning_rate: 1.0e-3, log_every: 2}
export: [saved_model, litert_float32, litert_dynamic, litert_int8]
"""


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
