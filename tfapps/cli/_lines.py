"""Lines of standard input, as soon as they are there."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Iterator

from tfapps.errors import InputError
from tfapps.text.lines import BYTE_ORDER_MARK

PIECE = 1 << 16  # bytes that are read at once, as many as a pipe holds
MARK = BYTE_ORDER_MARK.encode()


def batches(most: int) -> Iterator[list[str]]:
    """Yield the lines of standard input in batches: those that are there, without waiting for more.

    A line ends as `tfapps.text.lines` says. One that has no end yet is waited for.

    Args:
        most: lines of a batch.

    Raises:
        InputError: a line is not UTF-8; those before it were yielded.
    """
    number = 1
    for batch in _batches(most):
        lines = []
        for line in batch:
            try:
                lines.append(line.removesuffix(b"\r").decode("utf-8"))
            except UnicodeDecodeError as error:
                if lines:
                    yield lines
                raise InputError(
                    f"standard input:{number}: byte 0x{line[error.start]:02x} is not valid UTF-8; "
                    "convert the text first"
                ) from None
            number += 1
        yield lines


def _batches(most: int) -> Iterator[list[bytes]]:
    read, waiting = _source()
    begun: list[bytes] = []  # pieces of a line without an end
    lines: list[bytes] = []
    first = True
    while piece := read():
        if b"\n" not in piece:
            begun.append(piece)
            continue
        *complete, rest = b"".join([*begun, piece]).split(b"\n")
        if first:
            complete[0] = complete[0].removeprefix(MARK)
            first = False
        begun = [rest] if rest else []
        lines += complete
        full = len(lines) - len(lines) % most
        yield from (lines[start : start + most] for start in range(0, full, most))
        lines = lines[full:]
        if lines and not waiting():
            yield lines
            lines = []
    last = b"".join(begun)
    last = last.removeprefix(MARK) if first else last
    lines += [last] if last else []
    if lines:
        yield lines


def _source() -> tuple[Callable[[], bytes], Callable[[], bool]]:
    """Return what reads a piece of standard input, and what says whether there is more at once."""
    stream = sys.stdin.buffer
    try:
        descriptor = stream.fileno()
    except OSError:  # no file: a program's own stream, which has all of it
        return lambda: stream.read(PIECE), lambda: True
    # Windows has no `select` for pipes, so each piece is a batch there.
    if os.name == "nt":
        return lambda: os.read(descriptor, PIECE), lambda: False
    return (
        lambda: os.read(descriptor, PIECE),
        lambda: bool(select.select([descriptor], [], [], 0)[0]),
    )
