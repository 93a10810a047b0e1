"""Conversions in a child process: they may crash, and they print on both output streams.

The child stays for the next one, because TensorFlow takes longer to load than most conversions
take; after a while without work it gives its memory back.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path

from tfapps.errors import Failure

REST = 60.0  # seconds without work after which the child ends

_lock = threading.RLock()
_child: _Child | None = None


def run(work: str, arguments: Sequence[str | Path], output: Path, name: str) -> bytes:
    """Return what a function of this folder, called in a child process, writes to `output`.

    Args:
        work: its module and its name, "convert.convert".
        arguments: absolute paths and words; `output` is among them.
        output: the file it writes.
        name: the artefact, for the message.

    Raises:
        Failure: it failed, with the reason, or crashed, with the last line it wrote.
    """
    with _lock:
        try:
            reason = _ready().ask(work, [str(argument) for argument in arguments])
        except BaseException:
            end()  # or its answer would be taken for that to the next request
            raise
    if reason is None and not output.is_file():
        reason = "it wrote no file"
    if reason is not None:
        raise Failure(f"export of {name} failed: {reason}")
    return output.read_bytes()


def end() -> None:
    """End the child, if there is one; the next conversion starts another."""
    global _child
    with _lock:
        if _child is not None:
            _child.close()
            _child = None


def _ready() -> _Child:
    global _child
    if _child is not None and not _child.lives():
        end()
    if _child is None:
        _child = _Child()
    return _child


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[3])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    # The conversion is CPU work: a child that takes GPU memory would fight with its parent.
    return {
        **os.environ,
        "PYTHONPATH": path,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    }


class _Child:
    """The parent's side: one request and one answer per line; other output goes to a log."""

    def __init__(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        # No module may come from the working directory, which may also be gone by then.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tfapps.export.parts.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_environment(),
            cwd=tempfile.gettempdir(),
            text=True,
        )
        self._rest: threading.Timer | None = None

    def lives(self) -> bool:
        """Return whether the child is running."""
        return self._process.poll() is None

    def ask(self, work: str, arguments: list[str]) -> str | None:
        """Run a request; return None if it succeeds, else the reason for the failure."""
        self._wake()
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps([work, *arguments]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            return self._reason()
        self._log.seek(0)
        self._log.truncate()
        self._rest = threading.Timer(REST, end)
        self._rest.daemon = True
        self._rest.start()
        return json.loads(answer)

    def close(self) -> None:
        """End the child, also in the middle of its work."""
        self._wake()
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._log.close()

    def _wake(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _reason(self) -> str:
        code = self._process.wait()
        self._log.seek(0)
        output = self._log.read().decode(errors="replace")
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        last = lines[-1] if lines else "it wrote no message"
        if code < 0:
            name = signal.Signals(-code).name
            return f"the converter crashed ({name}); its last line: {last}"
        return last


def _serve() -> None:
    """Run in the child: do what each line of standard input asks for until there are no more."""
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        work, *arguments = json.loads(line)
        print(json.dumps(_attempt(work, arguments)), file=answers, flush=True)
        gc.collect()


def _attempt(work: str, arguments: list[str]) -> str | None:
    module, name = work.split(".")
    try:
        getattr(importlib.import_module(f"tfapps.export.parts.{module}"), name)(*arguments)
    except Exception as error:
        text = " ".join(str(error).split())
        return f"{type(error).__name__}: {text[:400]}"
    return None


atexit.register(end)

if __name__ == "__main__":
    _serve()
