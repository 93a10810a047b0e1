"""Conversions in a child process: they may crash, and they talk on both output streams."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from tfapps.errors import Failure


def run(module: str, arguments: Sequence[str | Path], made: Path, name: str) -> bytes:
    """What `python -m tfapps.export.MODULE ARGUMENTS` writes to `made`.

    Args:
        module: a module of this folder that ends in `main(...)`.
        arguments: its command line; `made` is among them.
        made: the file it writes.
        name: the artefact, for the message.

    Raises:
        Failure: the child failed or crashed, with its last line.
    """
    child = subprocess.run(
        [sys.executable, "-m", f"tfapps.export.{module}", *map(str, arguments)],
        capture_output=True,
        text=True,
        errors="replace",
        env=_environment(),
    )
    if child.returncode != 0 or not made.is_file():
        raise Failure(f"export of {name} failed: {_reason(child)}")
    return made.read_bytes()


def main(work: Callable[..., None]) -> None:
    """Run `work` on the words of the command line; the child's side of `run`."""
    warnings.simplefilter("ignore")
    try:
        work(*sys.argv[1:])
    except Exception as error:
        # The parent shows the last line of stderr: it has to be the one that explains.
        text = " ".join(str(error).split())
        sys.exit(f"{type(error).__name__}: {text[:400]}")


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    # The conversion is CPU work: a child that takes GPU memory would fight with its parent.
    return {
        **os.environ,
        "PYTHONPATH": path,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    }


def _reason(child: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in child.stderr.splitlines() if line.strip()]
    last = lines[-1] if lines else "it wrote no message"
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        return f"the converter crashed ({name}); its last line: {last}"
    return last
