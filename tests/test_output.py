"""Commands whose reader goes away: those that work go on, those that only print end quietly."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from running import ROOT

# The verb does no work: it prints, more than a pipe holds, and leaves a file.
VERB = """
import sys
from pathlib import Path

def work(arguments):
    for number in range(20_000):
        print("a line of output", number)
        print("a line of progress", file=sys.stderr)
    Path("done").touch()
    return 3

name = sys.argv[1]
from tfapps.cli._parser import verb_of
from tfapps.cli.main import main
verb_of(name).main = work
sys.exit(main())
"""


def unread(folder, *arguments, stderr="read", ahead=""):
    """Exit code and standard error of the verb above, behind `| head -1`; whether it got through.

    Args:
        stderr: "read", "unread", or "closed" from the start, as standard output is then.
        ahead: program that runs first in the process.
    """
    with subprocess.Popen(
        [sys.executable, "-c", ahead + VERB, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if stderr == "unread" else subprocess.PIPE,
    ) as child:
        child.stdout.readline()
        child.stdout.close()
        error = "" if stderr == "unread" else child.stderr.read().decode()
    return child.returncode, error.replace("a line of progress\n", ""), (folder / "done").exists()


CLOSED = "import os; os.close(2); os.close(1); import sys; sys.stdout = sys.stderr = None\n"


@pytest.mark.parametrize("stderr", ["read", "unread"])
@pytest.mark.parametrize("verb", ["run", "train", "tune"])
def test_a_command_that_writes_files_survives_a_closed_pipe(tmp_path, verb, stderr):
    assert unread(tmp_path, verb, "a.yaml", stderr=stderr) == (3, "", True)


def test_a_command_that_writes_files_survives_closed_streams(tmp_path):
    assert unread(tmp_path, "run", "a.yaml", ahead=CLOSED) == (3, "", True)


@pytest.mark.parametrize("arguments", [("list",), ("predict", "run", "a text")])
def test_a_verb_that_only_prints_ends_quietly(tmp_path, arguments):
    assert unread(tmp_path, *arguments) == (0, "", False)


def test_a_verb_that_prints_and_writes_a_file_writes_it(tmp_path):
    code, error, done = unread(tmp_path, "explain", "run", "a text", "--html", "page.html")
    assert (code, error, done) == (3, "", True)


IGNORES = """
import os, signal, subprocess, sys
from tfapps.processes import signals
signals.install()
try:
    os.kill(os.getpid(), int(sys.argv[1]))
except signals.Stopped as stop:
    sys.exit(stop.code)
"""


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("ignored", [True, False])
def test_signals_are_heard_unless_they_are_ignored(number, ignored):
    done = subprocess.run(
        [sys.executable, "-c", IGNORES, str(int(number))],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL),
        check=False,
    )
    assert done.returncode == (0 if ignored else 128 + number)


@pytest.mark.slow
def test_a_training_behind_head_ends_with_the_same_files(workplace):
    command = [sys.executable, "-m", "tfapps", "train", "tiny.yaml", "name=unread"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TFAPPS_DATA": str(workplace)}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    child = subprocess.Popen(command, cwd=workplace, env=environment, **streams)
    child.stdout.readline()
    child.stdout.close()
    assert child.wait() == 0
    weights = [workplace / f"saved_models/{n}/weights.safetensors" for n in ("unread", "tiny")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    shutil.rmtree(workplace / "saved_models/unread")
