"""Sessions of one LiteRT file: as many as threads ask at a time."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from tfapps.backends._compiled import CompiledSession, has_state
from tfapps.backends._interpreter import InterpreterSession, content_of
from tfapps.backends._packed import Packed
from tfapps.bundle.manifest import Content

Session = CompiledSession | InterpreterSession


class Sessions:
    """A pool of sessions of one file, safe in any number of threads.

    A caller borrows a session, and one is made when all are in use, up to one for every `threads`
    cores; further callers wait. All share the file's bytes, which are read once, so that a file
    that is replaced later changes nothing, and where the system allows it the packed weights; each
    has its own tensors. A program with one thread has one session.

    Args:
        threads: CPU threads of each session.
        content: of the file, if it was read before.

    Attributes:
        signatures: what the file can be asked.
    """

    def __init__(
        self, path: str | os.PathLike, threads: int = 1, content: Content | None = None
    ) -> None:
        data = content_of(path) if content is None else content.data
        self._places = threading.Semaphore(max(1, cores() // threads))
        self._make, first = _opened(Path(path), threads, data, content and content.sha256)
        self.signatures = first.signatures
        self._idle = [first]

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[Session]:
        """Lend a session to one caller until the block ends."""
        with self._places:
            session = self._idle_one() or self._make()
            try:
                yield session
            finally:
                self._idle.append(session)

    def _idle_one(self) -> Session | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None


def _opened(
    path: Path, threads: int, data: bytes, sha256: str | None
) -> tuple[Callable[[], Session], Session]:
    """Return what makes sessions of a file, and the first of them.

    A file with state runs in an interpreter, whose state can be reset. So does one that
    `CompiledModel` does not open: tfapps used to write signatures with two names for one tensor.
    If it is damaged, the interpreter says how.
    """

    def interpreted() -> Session:
        return InterpreterSession(path, threads, data)

    if has_state(data):
        return interpreted, interpreted()
    packed = Packed(len(data), sha256)

    def compiled() -> Session:
        return CompiledSession(path, threads, data, packed.path)

    try:
        first = compiled()
    except (RuntimeError, ValueError):
        return interpreted, interpreted()
    packed.store()
    return compiled, first


def cores() -> int:
    """Return how many CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
