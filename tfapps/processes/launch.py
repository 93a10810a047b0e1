"""Workers of one training as processes of this machine, started again where one is lost."""

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
WAIT = 0.2  # seconds between two looks at the workers
PATIENCE = 20.0  # seconds for a worker to save and end before it is killed


def launch(name: str, command: Sequence[str], workers: int, restarts: int) -> int:
    """Run `tfapps COMMAND` as that many workers; the exit code of the first that matters.

    What the chief prints is printed, what the others print is in `saved_models/.<name>.worker_*`.
    When one ends early all others are ended too and all start again: from the last checkpoint.

    Args:
        name: of the run.
        restarts: how often at most.
    """
    for attempt in range(restarts + 1):
        with _started(name, command, workers) as processes:
            lost = _first_lost(processes)
        if lost is None:
            return 0
        number, code = lost
        told = f"worker {number} ended with {code}"
        if code == BAD_INPUT or attempt == restarts:
            print(f"{told}; see {_log(name, number)}" if number else told, file=sys.stderr)
            return code if code > 0 else 128 - code
        print(f"{told}; all start again from the last checkpoint", file=sys.stderr, flush=True)
    raise AssertionError("unreachable")


def environment(addresses: Sequence[str], index: int) -> dict[str, str]:
    """This process's environment with the TF_CONFIG of one worker."""
    told = {
        "cluster": {"worker": list(addresses)},
        "task": {"type": "worker", "index": index},
    }
    return {**os.environ, cluster.VARIABLE: json.dumps(told)}


def free_addresses(count: int) -> list[str]:
    """Addresses of this machine that nobody listens at."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("localhost", 0))
        return [f"localhost:{each.getsockname()[1]}" for each in sockets]


@contextlib.contextmanager
def _started(
    name: str, command: Sequence[str], workers: int
) -> Iterator[list[subprocess.Popen[Any]]]:
    """All workers; none is left behind."""
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
                        [sys.executable, "-m", "tfapps", *command],
                        env=environment(addresses, number),
                        stdout=out,
                        stderr=out,
                    )
                )
            yield processes
        finally:
            _end(processes)


def _first_lost(processes: Sequence[subprocess.Popen[Any]]) -> tuple[int, int] | None:
    """Number and exit code of the worker that ended badly first; None if all ended well."""
    while True:
        codes = [process.poll() for process in processes]
        for number, code in enumerate(codes):
            if code:
                return number, code
        if all(code == 0 for code in codes):
            return None
        time.sleep(WAIT)


def _end(processes: Sequence[subprocess.Popen[Any]]) -> None:
    """Ask the workers that are left to save and end; kill those that do not."""
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
