"""Texts of the command line or of standard input, and files that a verb writes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfapps.text.questions import Question

LINES = 256  # of standard input that are answered at once, where so many are there


def questions(texts: Sequence[str], paired: bool) -> list[Question]:
    """Return the inputs of a run: the texts, or all lines of standard input for none or `-`.

    Args:
        paired: whether the run reads pairs of texts; see `tfapps.text.questions.question`.

    Raises:
        InputError: standard input is not UTF-8, or a line is not what the run reads.
    """
    return [question for batch in stream(texts, paired) for question in batch]


def stream(texts: Sequence[str], paired: bool) -> Iterator[list[Question]]:
    """Yield the inputs of a run in batches; lines of standard input as soon as they are there.

    Args:
        paired: whether the run reads pairs of texts.

    Raises:
        InputError: as `questions`; the lines before the wrong one were yielded.
    """
    from tfapps.cli import _lines
    from tfapps.errors import InputError
    from tfapps.text.questions import question

    typed = bool(texts) and list(texts) != ["-"]
    place = "text {}" if typed else "standard input:{}"
    number, tabs = 0, 0
    for lines in [list(map(_typed, texts))] if typed else _lines.batches(LINES):
        batch: list[Question] = []
        for line in lines:
            number += 1
            tabs += not paired and "\t" in line
            try:
                batch.append(question(line, paired, place.format(number)))
            except InputError:
                if batch and not typed:
                    yield batch
                raise
        yield batch
    if tabs:
        print(
            f"{tabs} text(s) contain a tab; this run reads single texts, so the columns of a line "
            "are one text",
            file=sys.stderr,
        )


def _typed(text: str) -> str:
    """Return an argument as UTF-8, where the locale cannot read it: LC_ALL=C, say."""
    if text.isascii():
        return text
    try:
        return text.encode("ascii", "surrogateescape").decode("utf-8")
    except UnicodeError:  # it has been read already, or is not UTF-8
        return text


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
