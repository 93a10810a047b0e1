"""Answers to the texts of a table, as further columns of it."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from tfapps.errors import InputError
from tfapps.printable import plain

if TYPE_CHECKING:
    from tfapps.data.sources.csv import Table

ROWS = 256  # that are answered and written at once
STDIN = "standard input"
AGAIN = "predicted_"  # before the name of a column that the table has already


def answer(predictor: Any, texts: Sequence[str], columns: Sequence[str], output: str | None) -> int:
    """Write a table with the answers of a run; return the number of its rows.

    Args:
        texts: the file, or `-` for standard input.
        columns: the column of texts, or the two of pairs.
        output: a file; None is standard output.

    Raises:
        InputError: no table, no such column, or not as many columns as the run reads texts.
    """
    if len(columns) != 1 + predictor.paired:
        kind = "pairs of texts" if predictor.paired else "single texts"
        raise InputError(
            f"--csv: got {len(columns)} column(s), but this run reads {kind}; give --csv "
            f"{'twice' if predictor.paired else 'once'}"
        )
    table = _read(texts, columns)
    numbers = [table.header.index(name) for name in columns]
    with _written(output) as stream:
        writer = csv.writer(stream, delimiter=table.delimiter, lineterminator="\n")
        keys: list[str] = []
        for start in range(0, max(len(table.rows), 1), ROWS):
            rows = table.rows[start : start + ROWS]
            questions = [tuple(row[number] for number in numbers) for row in rows]
            answers = predictor([q if predictor.paired else q[0] for q in questions])
            if not start:
                keys = list(answers[0]) if answers else []
                writer.writerow(_shown([*table.header, *_names(keys, table.header)], stream))
            for row, fields in zip(rows, answers, strict=True):
                writer.writerow(_shown([*row, *(_cell(fields.get(key)) for key in keys)], stream))
            stream.flush()
    return len(table.rows)


def _read(texts: Sequence[str], columns: Sequence[str]) -> Table:
    from tfapps.config import paths
    from tfapps.data.sources.csv import table

    if len(texts) > 1:
        raise InputError(f"--csv: got {len(texts)} files, expected one, or - for standard input")
    if list(texts) not in ([], ["-"]):
        return table(paths.locate(texts[0], None, here_first=True), columns)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / STDIN
        file.write_bytes(sys.stdin.buffer.read())
        try:
            return table(file, columns)
        except InputError as error:
            raise InputError(str(error).replace(str(file), STDIN)) from error


@contextlib.contextmanager
def _written(output: str | None) -> Iterator[TextIO]:
    """Yield standard output, or a file that is there when it is complete."""
    if output is None:
        yield sys.stdout
        return
    file = Path(output)
    temporary = file.with_name(f".{file.name}.new")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        os.replace(temporary, file)
    except OSError as error:
        raise InputError(f"cannot write {output}: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _names(keys: Sequence[str], header: Sequence[str]) -> list[str]:
    """Return the names of the new columns, none of which the table has."""
    names: list[str] = []
    for name in keys:
        while name in (*header, *names):
            name = f"{AGAIN}{name}"
        names.append(name)
    return names


def _cell(value: Any) -> str:
    """Return a value of an answer as text; lists as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _shown(fields: Sequence[str], stream: TextIO) -> list[str]:
    """Return fields as they are, but for a terminal that they could command."""
    return list(map(plain, fields)) if stream.isatty() else list(fields)
