"""Where a fit stands, on disk: what was killed goes on from there, as if it never had been."""

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
    """Arrays by name, and numbers and texts as JSON has them."""

    arrays: dict[str, np.ndarray]
    notes: dict[str, Any]


class Checkpoint:
    """The newest state of one fit in a folder of its own.

    A state is written beside the one before and named at the end, so that a crash leaves one of
    the two. One that is not byte for byte what was written, or of another fit, is none.

    Args:
        folder: where; it is made when it is needed.
        key: what tells this fit from every other.
        seconds: from one save to the next.
        writes: False for one of several processes that are all in the same state: another saves.
    """

    def __init__(self, folder: Path, key: str, seconds: float = 300.0, writes: bool = True) -> None:
        self.folder, self.key, self.seconds = folder, f"{FORMAT} {key}", seconds
        self.writes = writes
        self._last, self._loaded = time.monotonic(), 0

    @property
    def due(self) -> bool:
        """Whether so much time has passed since the last save, or since the start."""
        return self.writes and time.monotonic() - self._last >= self.seconds

    def save(self, state: State, logs: Path | None = None) -> None:
        """Write a state, and a copy of the TensorBoard files that belong to it."""
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
        told = {"key": self.key, "sha256": hashlib.sha256(data).hexdigest(), "notes": state.notes}
        _write(target / NOTES, json.dumps(told).encode())
        for other in self._numbers():
            if other != number:
                shutil.rmtree(self.folder / str(other), ignore_errors=True)
        self._last = time.monotonic()

    def load(self) -> State | None:
        """The newest state that is whole; None if there is none of this fit."""
        from safetensors.numpy import load

        for number in sorted(self._numbers(), reverse=True):
            folder = self.folder / str(number)
            try:
                told = json.loads((folder / NOTES).read_text(encoding="utf-8"))
                data = (folder / ARRAYS).read_bytes()
            except (OSError, ValueError):
                continue
            whole = told.get("sha256") == hashlib.sha256(data).hexdigest()
            if whole and told.get("key") == self.key:
                self._loaded = number
                return State(load(data), told["notes"])
        return None

    def logs(self, target: Path) -> None:
        """Put the TensorBoard files of the state that was loaded in place of those there."""
        source = self.folder / str(self._loaded) / LOGS
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)

    def clear(self) -> None:
        """Forget everything: the fit is over."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _numbers(self) -> list[int]:
        there = self.folder.iterdir() if self.folder.is_dir() else ()
        return [int(path.name) for path in there if path.name.isdigit()]


def packed(prefix: str, arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays by numbered names, without their order being lost."""
    return {f"{prefix}/{number}": np.asarray(array) for number, array in enumerate(arrays)}


def unpacked(prefix: str, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """What `packed` took."""
    found = []
    while f"{prefix}/{len(found)}" in arrays:
        found.append(arrays[f"{prefix}/{len(found)}"])
    return found


def _write(path: Path, data: bytes) -> None:
    """A file that is on the disk when this returns."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
