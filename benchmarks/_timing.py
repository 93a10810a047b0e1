"""Latencies of several .tflite files in one run, so that they can be compared."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.backends.litert import interpreter

WORDS = 1000  # ids below it are in every vocabulary


def single(path: Path) -> bool:
    """Return whether a file has one signature, which `timed` can run."""
    return len(interpreter(path).get_signature_list()) == 1


def timed(paths: Mapping[Any, Path], rounds: int = 60) -> dict[Any, dict[str, float]]:
    """Return median milliseconds of one full-length text on one thread, files in turn."""
    random = np.random.default_rng(0)
    runs, rows = {}, {}
    for name, path in paths.items():
        runs[name] = interpreter(path).get_signature_runner()
        inputs = runs[name].get_input_details()
        rows[name] = {
            key: random.integers(1, WORDS if key == "token_ids" else 2, detail["shape"]).astype(
                detail["dtype"]
            )
            for key, detail in inputs.items()
        }
    wall: dict[Any, list[float]] = {name: [] for name in runs}
    cpu: dict[Any, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            os.sched_yield()  # on a busy machine, a call then starts with a whole time slice
            start, used = time.perf_counter(), time.process_time()
            run(**rows[name])
            wall[name].append(time.perf_counter() - start)
            cpu[name].append(time.process_time() - used)
    return {
        name: {
            "p50_ms": round(1e3 * float(np.median(wall[name])), 2),
            "cpu_ms": round(1e3 * float(np.median(cpu[name])), 2),
        }
        for name in runs
    }
