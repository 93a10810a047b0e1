"""Measure the cost of an artefact: bytes, latency, throughput, peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from tfapps.errors import Failure, InputError

WARMUP = 3  # first calls allocate and trace
GZIP_LEVEL = 6  # the default of gzip and web servers


def measure(
    runner: Callable[[dict[str, np.ndarray]], np.ndarray],
    features: Mapping[str, np.ndarray],
    rows: int = 100,
) -> dict[str, float]:
    """Measure latency of single rows (p50, p95) and throughput of the runner's own batches.

    Args:
        runner: batch of features (b, t) -> logits.
        features: real rows (n, t); taken in turn until there are `rows` of them.
        rows: how many single rows are timed.

    Raises:
        InputError: no rows.

    Example:
        >>> measure(Form(LiteRT("litert/int8.tflite"), *stated), features, rows=100)
        {'p50_ms': 16.2, 'p95_ms': 17.9, 'throughput_per_s': 61.0}
    """
    count = len(next(iter(features.values()))) if features else 0
    if count == 0 or rows < 1:
        raise InputError(f"a benchmark needs rows, got {count} row(s) and rows={rows}")
    order = np.arange(rows) % count
    taken = {name: np.asarray(column)[order] for name, column in features.items()}
    single = [{name: column[i : i + 1] for name, column in taken.items()} for i in range(rows)]
    for row in single[:WARMUP]:
        runner(row)
    seconds = []
    for row in single:
        start = time.perf_counter()
        runner(row)
        seconds.append(time.perf_counter() - start)
    runner(taken)
    start = time.perf_counter()
    runner(taken)
    elapsed = time.perf_counter() - start
    p50, p95 = np.percentile(seconds, [50, 95]) * 1e3
    return {
        "p50_ms": float(p50),
        "p95_ms": float(p95),
        "throughput_per_s": rows / max(elapsed, 1e-9),
    }


def size(path: str | os.PathLike) -> int:
    """Return the bytes of a file, or of all files in a folder.

    Raises:
        InputError: nothing there.
    """
    return sum(file.stat().st_size for file in _files(Path(path)))


def gzip_size(path: str | os.PathLike) -> int:
    """Return the bytes of a file, or of all files in a folder, gzipped one by one.

    Raises:
        InputError: nothing there.
    """
    return sum(_gzipped(file) for file in _files(Path(path)))


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"{path}: no such file or folder; export the run first")
    return [file for file in path.rglob("*") if file.is_file()]


def _gzipped(file: Path) -> int:
    packer = zlib.compressobj(GZIP_LEVEL, wbits=31)  # 31: with gzip's header and checksum
    total = 0
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            total += len(packer.compress(block))
    return total + len(packer.flush())


def peak_memory(path: str | os.PathLike, rows: int = 10, length: int = 64) -> int:
    """Return the peak resident bytes of a new process that runs a .tflite file or SavedModel.

    The figure includes Python and the runtime, as it would on the user's machine.

    Args:
        rows: how many rows of ones are run.
        length: tokens a row, for an artefact whose length is not fixed.

    Raises:
        Failure: the process failed.
    """
    root = str(Path(__file__).resolve().parents[2])
    search = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    child = subprocess.run(
        [sys.executable, "-m", "tfapps.verify._peak", str(path), str(rows), str(length)],
        capture_output=True,
        encoding="utf-8",
        errors="replace",  # C++ writes bytes there, whatever the locale is
        env={**os.environ, "PYTHONPATH": search, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    if child.returncode != 0:
        lines = child.stderr.strip().splitlines() or [f"exit {child.returncode}"]
        raise Failure(f"cannot measure the memory of {path}: {lines[-1]}")
    return int(child.stdout.split()[-1])
