"""Texts of the command line or of standard input, and files that a verb writes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfapps.text.questions import Question


def questions(texts: Sequence[str], paired: bool) -> list[Question]:
    """Return the inputs of a run: the texts, or the lines of standard input for none or `-`.

    Args:
        paired: whether the run reads pairs of texts; see `tfapps.text.questions.question`.

    Raises:
        InputError: standard input is not UTF-8, or a line is not what the run reads.
    """
    from tfapps.text.questions import question

    typed = bool(texts) and list(texts) != ["-"]
    lines = list(map(_typed, texts)) if typed else _standard_input()
    place = "text {}" if typed else "standard input:{}"
    lines_read = [question(line, paired, place.format(n)) for n, line in enumerate(lines, 1)]
    tabs = 0 if paired else sum("\t" in line for line in lines)
    if tabs:
        print(
            f"{tabs} text(s) contain a tab; this run reads single texts, so the columns of a line "
            "are one text",
            file=sys.stderr,
        )
    return lines_read


def _typed(text: str) -> str:
    """Return an argument as UTF-8, where the locale cannot read it: LC_ALL=C, say."""
    if text.isascii():
        return text
    try:
        return text.encode("ascii", "surrogateescape").decode("utf-8")
    except UnicodeError:  # it has been read already, or is not UTF-8
        return text


def _standard_input() -> list[str]:
    from tfapps.errors import InputError
    from tfapps.text import lines

    content = sys.stdin.buffer.read()
    try:
        return lines.split(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"standard input:{line}: byte 0x{content[error.start]:02x} is not valid UTF-8; convert "
            "the text first"
        ) from None


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
