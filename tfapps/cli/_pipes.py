"""Standard output and standard error of a command whose reader may close it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class Output:
    """A text stream that survives the loss of its reader: `| head`, a terminal that is closed.

    What is written after that goes nowhere, in this process and in those it starts.

    Args:
        stream: with a file descriptor of its own.
        ends: raise BrokenPipeError when the reader is gone, for a command that only prints.
    """

    def __init__(self, stream: TextIO, ends: bool = False) -> None:
        self._stream, self.ends = stream, ends

    def write(self, text: str) -> int:
        """Write, as a text stream does."""
        with self._guarded():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, as a text stream does."""
        with self._guarded():
            self._stream.flush()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # BrokenPipeError of a pipe, EIO of a terminal, a full disk
            with contextlib.suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)
            if self.ends:
                raise BrokenPipeError from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def guarded() -> Iterator[Output]:
    """Guard `sys.stdout` and `sys.stderr` against lost readers; yield the guarded stdout."""
    originals = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Output(sys.stdout), Output(sys.stderr)
    try:
        yield sys.stdout
        sys.stdout.flush()  # what is still buffered may be what fails
    finally:
        sys.stdout.ends = False
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = originals


def open_closed() -> None:
    """Open the descriptors 0 to 2 that are closed, or the next file to be opened would get one."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", closefd=False))
