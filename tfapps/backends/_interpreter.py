"""LiteRT interpreters: one by itself, or as many of one file as threads ask at a time."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.backends.base import Arrays, Signature, Tensor
from tfapps.errors import Failure, InputError

NOTE = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
_announced = threading.Event()  # LiteRT announces the first delegate of a process


def _without_note() -> contextlib.AbstractContextManager[None]:
    """Keep LiteRT's note about its delegate off file descriptor 2.

    No setting turns the note off, and the descriptor belongs to the whole process: it is set aside
    at most once, and only by a main thread that is alone, but for timers, such as that which ends
    an idle converter. Elsewhere the note is printed.
    """
    main = threading.main_thread()
    others = [thread for thread in threading.enumerate() if thread is not main]
    alone = threading.current_thread() is main and all(
        isinstance(thread, threading.Timer) for thread in others
    )
    first = not _announced.is_set()
    _announced.set()
    return _redirected() if first and alone else contextlib.nullcontext()


@contextlib.contextmanager
def _redirected() -> Iterator[None]:
    """Write to a file instead; behind the block all but the note is written after all."""
    if sys.stderr is not None:
        sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(original, 2)
            aside.seek(0)
            for line in aside:
                if line.strip() != NOTE:
                    os.write(original, line)
            os.close(original)


def content_of(path: str | os.PathLike) -> bytes:
    """Read a file.

    Raises:
        InputError: it is missing or cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; export the run first") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def interpreter(
    path: str | os.PathLike,
    threads: int = 1,
    *,
    delegate: bool = True,
    content: bytes | None = None,
) -> Any:
    """Make an allocated LiteRT interpreter, which belongs to one caller at a time.

    Args:
        delegate: run with XNNPACK.
        content: of the file, if it was read before.

    Raises:
        InputError: the file is missing or is not a TFLite model that LiteRT can run.
    """
    from ai_edge_litert import interpreter as litert

    content = content_of(path) if content is None else content
    resolver = litert.OpResolverType.BUILTIN
    if not delegate:
        resolver = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        with _without_note() if delegate else contextlib.nullcontext():
            session = litert.Interpreter(
                model_content=content, num_threads=threads, experimental_op_resolver_type=resolver
            )
            session.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else "unreadable"
        if not content:
            reason = "it is empty"
        raise InputError(
            f"{path}: LiteRT cannot load it ({reason}); the file is damaged or was made for "
            "another runtime: export it again"
        ) from error
    return session


class Session:
    """An interpreter and its signatures, for one caller at a time."""

    def __init__(self, path: Path, threads: int, content: bytes) -> None:
        self.path = path
        self._interpreter = interpreter(path, threads, content=content)
        names = self._interpreter.get_signature_list()
        self.runs = {name: self._interpreter.get_signature_runner(name) for name in names}
        self._warm_up()

    def _warm_up(self) -> None:
        """Run each signature once, so that the state of fused LSTMs exists and can be reset.

        On ones, because an all-zero padding mask is a division by zero in a mean over tokens.
        """
        for run in self.runs.values():
            details = run.get_input_details().items()
            run(**{name: np.ones(detail["shape"], detail["dtype"]) for name, detail in details})

    def call(self, signature: str, arrays: Arrays) -> dict[str, np.ndarray]:
        """Run a signature on the first states of fused LSTMs: no text may see another.

        Raises:
            Failure: an op refused the values.
        """
        self._interpreter.reset_all_variables()
        run = self.runs[signature]
        try:
            return run(**arrays)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise Failure(f"{self.path}: LiteRT stopped in the middle: {reason}") from error


class Sessions:
    """A pool of sessions of one file, safe in any number of threads.

    A caller borrows a session, and one is made when all are in use, up to one for every `threads`
    cores; further callers wait. All share the file's bytes, which are read once, so that a file
    that is replaced later changes nothing; each has its own tensors and packed weights. A program
    with one thread has one session.

    Args:
        threads: CPU threads of each session.

    Attributes:
        signatures: what the file can be asked.
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1) -> None:
        self.path = Path(path)
        self._threads, self._content = threads, content_of(path)
        self._places = threading.Semaphore(max(1, cores() // threads))
        first = self._new_session()
        self.signatures = {
            name: Signature(_tensors(run.get_input_details()), _tensors(run.get_output_details()))
            for name, run in first.runs.items()
        }
        self._idle = [first]

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[Session]:
        """Lend a session to one caller until the block ends."""
        with self._places:
            session = self._idle_one() or self._new_session()
            try:
                yield session
            finally:
                self._idle.append(session)

    def _idle_one(self) -> Session | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _new_session(self) -> Session:
        return Session(self.path, self._threads, self._content)


def _tensors(details: dict[str, Any]) -> dict[str, Tensor]:
    return {
        name: Tensor(tuple(int(n) for n in detail["shape"]), np.dtype(detail["dtype"]).name)
        for name, detail in details.items()
    }


def cores() -> int:
    """Return how many CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
