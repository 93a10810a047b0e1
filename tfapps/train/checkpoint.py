"""Checkpoints of a fit: a killed run resumes from the newest one with the same result."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ARRAYS, NOTES, LOGS = "state.safetensors", "notes.json", "logs"
FORMAT = 1  # raise it when the meaning of what is stored changes


class State(NamedTuple):
    """Arrays by name, and notes that JSON can hold."""

    arrays: dict[str, np.ndarray]
    notes: dict[str, Any]


class Checkpoint:
    """The newest state of one fit in a folder of its own.

    A new state is written beside the previous one and is valid only when complete, so that a
    crash leaves one of the two. A state that is damaged or belongs to another fit is ignored.

    Args:
        folder: of the checkpoint; it is created when needed.
        key: identifies this fit.
        seconds: between two saves.
        writes: False for one of several processes with the same state: another one saves.
    """

    def __init__(self, folder: Path, key: str, seconds: float = 300.0, writes: bool = True) -> None:
        self.folder, self.key, self.seconds = folder, f"{FORMAT} {key}", seconds
        self.writes = writes
        self._last, self._loaded = time.monotonic(), 0

    @property
    def due(self) -> bool:
        """Return whether `seconds` have passed since the last save, or since the start."""
        return self.writes and time.monotonic() - self._last >= self.seconds

    def save(self, state: State, logs: Path | None = None) -> None:
        """Write a state and a copy of its TensorBoard files."""
        from safetensors.numpy import save as serialized

        if not self.writes:
            return
        number = max(self._numbers(), default=0) + 1
        target = self.folder / str(number)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        data = serialized({name: np.asarray(a, order="C") for name, a in state.arrays.items()})
        _write(target / ARRAYS, data)
        if logs is not None and logs.is_dir():
            shutil.copytree(logs, target / LOGS)
        record = {"key": self.key, "sha256": hashlib.sha256(data).hexdigest(), "notes": state.notes}
        _write(target / NOTES, json.dumps(record).encode())
        for old in self._numbers():
            if old != number:
                shutil.rmtree(self.folder / str(old), ignore_errors=True)
        self._last = time.monotonic()

    def load(self) -> State | None:
        """Return the newest intact state of this fit; None if there is none."""
        from safetensors.numpy import load

        for number in sorted(self._numbers(), reverse=True):
            folder = self.folder / str(number)
            try:
                record = json.loads((folder / NOTES).read_text(encoding="utf-8"))
                data = (folder / ARRAYS).read_bytes()
            except (OSError, ValueError):
                continue
            intact = record.get("sha256") == hashlib.sha256(data).hexdigest()
            if intact and record.get("key") == self.key:
                self._loaded = number
                return State(load(data), record["notes"])
        return None

    def logs(self, target: Path) -> None:
        """Replace the TensorBoard files in `target` with those of the loaded state."""
        source = self.folder / str(self._loaded) / LOGS
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)

    def clear(self) -> None:
        """Delete the checkpoint: the fit has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _numbers(self) -> list[int]:
        paths = self.folder.iterdir() if self.folder.is_dir() else ()
        return [int(path.name) for path in paths if path.name.isdigit()]


def packed(prefix: str, arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Return arrays by numbered names, which keep their order."""
    return {f"{prefix}/{number}": np.asarray(array) for number, array in enumerate(arrays)}


def unpacked(prefix: str, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return the arrays that were given to `packed`."""
    values = []
    while f"{prefix}/{len(values)}" in arrays:
        values.append(arrays[f"{prefix}/{len(values)}"])
    return values


def _write(path: Path, data: bytes) -> None:
    """Write a file and flush it to the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
