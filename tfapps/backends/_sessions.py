"""Sessions of one LiteRT file: as many as threads ask at a time."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from tfapps.backends._compiled import CompiledSession, has_constant_outputs, has_state
from tfapps.backends._interpreter import InterpreterSession, content_of
from tfapps.backends._packed import Packed
from tfapps.backends._quiet import alone
from tfapps.bundle.manifest import Content

Session = CompiledSession | InterpreterSession


class Sessions:
    """A pool of sessions of one file, safe in any number of threads.

    A caller borrows a session, and one is made when all are in use, up to one for every `threads`
    cores; further callers wait. All share the file's bytes, which are read once, so that a file
    that is replaced later changes nothing; each has its own tensors.

    A program of one thread has one session, a compiled model. Where a file is opened beside other
    threads, the sessions are interpreters, and when two callers meet, the pool goes over to them:
    `CompiledModel` of ai-edge-litert 2.3 keeps Python's global lock while it runs, so that no other
    thread could run, and reports on standard error what it sets up. The answers are the same.

    Args:
        threads: CPU threads of each session.
        content: of the file, if it was read before.

    Attributes:
        signatures: what the file can be asked.
    """

    def __init__(
        self, path: str | os.PathLike, threads: int = 1, content: Content | None = None
    ) -> None:
        self._path, self._threads = Path(path), threads
        self._data = content_of(path) if content is None else content.data
        self._places = threading.Semaphore(max(1, cores() // threads))
        first = self._first(None if content is None else content.sha256)
        self.signatures = first.signatures
        self._idle: list[Session] = [first]
        self._met = False

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[Session]:
        """Lend a session to one caller until the block ends."""
        with self._places:
            session = self._idle_one()
            if session is None:
                self._met, session = True, self._interpreter()
            try:
                yield session
            finally:
                if not (self._met and isinstance(session, CompiledSession)):
                    self._idle.append(session)

    def _idle_one(self) -> Session | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _interpreter(self) -> InterpreterSession:
        return InterpreterSession(self._path, self._threads, self._data)

    def _first(self, sha256: str | None) -> Session:
        """Return a compiled model, or an interpreter for a file that it does not run.

        A file with state is one: an interpreter can reset the state. So is one with constants
        among its outputs, which `CompiledModel` loses. `CompiledModel` also refuses
        files of earlier versions of tfapps whose signature has two names for one tensor, and
        damaged ones; an interpreter then says what is wrong.
        """
        data = self._data
        if has_state(data) or has_constant_outputs(data) or not alone():
            return self._interpreter()
        packed = Packed(len(self._data), sha256)
        try:
            session = CompiledSession(self._path, self._threads, self._data, packed)
        except (RuntimeError, ValueError):
            return self._interpreter()
        packed.store()
        return session


def cores() -> int:
    """Return how many CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
