"""Running the command line in tests, and a toy data set for it."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import warnings
from pathlib import Path
from unittest import mock

import preloaded

ROOT = Path(__file__).parent.parent

BERT = "name: bert, size: tiny, layers: 1"
CNN = "name: text_cnn, embedding_size: 8, filters: 6, widths: [1, 3]"  # half the time of BERT
TINY = f"""
task: {{name: classification}}
data: {{source: tsv, train: train.tsv, dev: dev.tsv, text: text, label: label}}
model: {{{BERT}, max_length: 16}}
text: {{vocabulary_size: 300, min_frequency: 1}}
train: {{epochs: 2, batch_size: 8, learning_rate: 1.0e-3, log_every: 2}}
export: [saved_model, litert_float32, litert_dynamic, litert_int8]
"""


def tfapps(*arguments, cwd, stdin=None):
    """Run the command in this process, which has loaded TensorFlow already; as `process` else."""
    from tfapps.cli.main import main

    out, error = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(error),
        mock.patch.dict(os.environ, TFAPPS_DATA=str(cwd)),
        mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO((stdin or "").encode()))),
    ):
        code = main([str(argument) for argument in arguments])
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), error.getvalue())


BLANK = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b5500"
    "00000a49444154789c63f80f0001010100b138f6140000000049454e44ae426082"
)  # a picture of one pixel


@contextlib.contextmanager
def eagerly():
    """Execute steps of TensorFlow one by one, which is quicker than tracing them for a few batches.

    No pictures are drawn, nor the model's graph for TensorBoard.
    """
    import tensorflow as tf

    from tfapps.metrics import pictures
    from tfapps.train.tensorboard import Writer

    drawn = ("attention_png", "confusion_png", "f1_bars_png")
    with (
        mock.patch.multiple(pictures, **dict.fromkeys(drawn, lambda *arguments: BLANK)),
        mock.patch.object(Writer, "graph"),
        warnings.catch_warnings(),
    ):
        # TensorFlow says that data pipelines stay graphs, which is as it should be.
        warnings.filterwarnings("ignore", "Even though the `tf.config.experimental_run")
        tf.config.run_functions_eagerly(True)
        try:
            yield
        finally:
            tf.config.run_functions_eagerly(False)


def process(*arguments, cwd, stdin=""):
    """Run the command in a new process, as a user does; returns the completed process."""
    program = "import sys\nfrom tfapps.cli.main import main\nsys.exit(main())"
    environment = {**os.environ, "TFAPPS_DATA": str(cwd)}
    return preloaded.python(program, *arguments, cwd=cwd, env=environment, stdin=stdin)


def copied(workplace, name):
    """A copy of the workplace's run, for a test that changes it."""
    shutil.copytree(workplace / "saved_models/tiny", workplace / "saved_models" / name)


SPLIT = """
import tfapps
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
"""


def on_two_devices(program, *arguments):
    """Run a program in a process whose CPU is split in two; returns the JSON it prints last."""
    done = preloaded.python(SPLIT + program, *arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def write_rows(path, count, start=0):
    """A separable toy data set: fruit against tools."""
    words = {"fruit": ["apple", "pear", "plum"], "tool": ["hammer", "saw", "drill"]}
    lines = ["text\tlabel"]
    for i in range(start, start + count):
        label = ("fruit", "tool")[i % 2]
        lines.append(f"I want the {words[label][i // 2 % 3]} number {i}\t{label}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@contextlib.contextmanager
def at(folder, rows):
    """Inside, the toy data set, so many training rows, is here."""
    write_rows(folder / "train.tsv", rows)
    write_rows(folder / "dev.tsv", 24, start=rows)
    with contextlib.chdir(folder), mock.patch.dict(os.environ, TFAPPS_DATA=str(folder)):
        yield folder
