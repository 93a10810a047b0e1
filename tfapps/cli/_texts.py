"""Texts of the command line or of standard input, and files that a verb writes beside a run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path


def given(texts: Sequence[str]) -> list[str]:
    """The texts themselves; the lines of standard input for none, or for `-`.

    Raises:
        InputError: what comes in is no UTF-8.
    """
    from tfapps.errors import InputError

    if texts and list(texts) != ["-"]:
        return list(texts)
    try:
        lines = sys.stdin.buffer.read().decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(
            f"standard input: byte {error.start} is not valid UTF-8; convert the text first"
        ) from None
    return [line.rstrip("\r\n") for line in lines]


def write(content: bytes, file: Path) -> None:
    """Write a file the user named.

    Raises:
        InputError: it cannot be written.
    """
    from tfapps.errors import InputError

    try:
        file.write_bytes(content)
    except OSError as error:
        raise InputError(f"cannot write {file}: {error.strerror}") from error
