"""What a verb prints: on the terminal, in a file, or in neither."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from tfapps.errors import InputError


class Copied:
    """A text stream that is copied to a file, or that is shown nowhere else.

    Args:
        stream: of the terminal.
        file: that gets the same text; None for no file.
        quiet: whether the terminal gets nothing.
    """

    def __init__(self, stream: Any, file: TextIO | None, quiet: bool) -> None:
        self._stream, self._file, self._quiet = stream, file, quiet

    def write(self, text: str) -> int:
        """Write, as a text stream does."""
        if self._file is not None:
            self._file.write(text)
        if not self._quiet:
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, as a text stream does."""
        if self._file is not None:
            self._file.flush()
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def copied(arguments: argparse.Namespace) -> Iterator[None]:
    """Copy what is printed inside to `--log-file`, and print nothing with `--quiet`.

    An error that ends the block is copied as well; printing it is left to the caller.

    Raises:
        InputError: the file cannot be written.
    """
    quiet, name = getattr(arguments, "quiet", False), getattr(arguments, "log_file", None)
    if not quiet and name is None:
        yield
        return
    with contextlib.ExitStack() as stack:
        file = None if name is None else stack.enter_context(_opened(name))
        stack.enter_context(contextlib.redirect_stdout(Copied(sys.stdout, file, quiet)))
        stack.enter_context(contextlib.redirect_stderr(Copied(sys.stderr, file, quiet)))
        try:
            yield
        except BaseException as error:
            if file is not None:
                file.write(f"{type(error).__name__}: {error}\n")
            raise


def _opened(name: str) -> TextIO:
    try:
        return open(name, "a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise InputError(f"--log-file: cannot write {name}: {error.strerror}") from error
