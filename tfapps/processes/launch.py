"""Starts the workers of a training on this machine, and restarts them if one fails."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from tfapps.processes import workers as cluster

LOGS = Path("saved_models")
BAD_INPUT = 2
WAIT = 0.2  # seconds between checks of the workers
PATIENCE = 20.0  # seconds for a worker to save and exit before it is killed


def launch(
    name: str, command: Sequence[str], workers: int, restarts: int, chief: Sequence[str] = ()
) -> int:
    """Run `tfapps COMMAND` with this many workers; return the exit code of the first that fails.

    The chief's output is printed, that of the others is in `saved_models/.<name>.worker_*`, files
    which are removed once all have succeeded. If one fails, all others are stopped and all resume
    from the last checkpoint.

    Args:
        name: of the run.
        restarts: maximum number of restarts.
        chief: more of the command, for the first worker alone.
    """
    for attempt in range(restarts + 1):
        with _started(name, command, workers, chief) as processes:
            lost = _first_lost(processes)
        if lost is None:
            for number in range(1, workers):
                _log(name, number).unlink(missing_ok=True)
            return 0
        number, code = lost
        message = f"worker {number} ended with {code}"
        if code == BAD_INPUT or attempt == restarts:
            print(f"{message}; see {_log(name, number)}" if number else message, file=sys.stderr)
            return code if code > 0 else 128 - code
        print(f"{message}; all start again from the last checkpoint", file=sys.stderr, flush=True)
    raise AssertionError("unreachable")


def environment(addresses: Sequence[str], index: int) -> dict[str, str]:
    """Return this process's environment with the TF_CONFIG of one worker."""
    tf_config = {
        "cluster": {"worker": list(addresses)},
        "task": {"type": "worker", "index": index},
    }
    return {**os.environ, cluster.VARIABLE: json.dumps(tf_config)}


def free_addresses(count: int) -> list[str]:
    """Return unused addresses of this machine."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("localhost", 0))
        return [f"localhost:{each.getsockname()[1]}" for each in sockets]


@contextlib.contextmanager
def _started(
    name: str, command: Sequence[str], workers: int, chief: Sequence[str]
) -> Iterator[list[subprocess.Popen[Any]]]:
    """Start all workers; end them on exit."""
    addresses = free_addresses(workers)
    LOGS.mkdir(exist_ok=True)
    processes: list[subprocess.Popen[Any]] = []
    with contextlib.ExitStack() as stack:
        try:
            for number in range(workers):
                out: IO[bytes] | None = None
                if number:
                    out = stack.enter_context(_log(name, number).open("wb"))
                processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "tfapps", *command, *(() if number else chief)],
                        env=environment(addresses, number),
                        stdout=out,
                        stderr=out,
                    )
                )
            yield processes
        finally:
            _end(processes)


def _first_lost(processes: Sequence[subprocess.Popen[Any]]) -> tuple[int, int] | None:
    """Return number and exit code of the worker that failed first; None if all succeeded."""
    while True:
        codes = [process.poll() for process in processes]
        for number, code in enumerate(codes):
            if code:
                return number, code
        if all(code == 0 for code in codes):
            return None
        time.sleep(WAIT)


def _end(processes: Sequence[subprocess.Popen[Any]]) -> None:
    """Signal the remaining workers to save and exit; kill those that do not."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    for process in processes:
        try:
            process.wait(max(deadline - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _log(name: str, number: int) -> Path:
    return LOGS / f".{name}.worker_{number}.log"
