"""Records of a data file, in whichever of the known forms."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tfapps.data import files
from tfapps.data.sources import _parquet, _tables
from tfapps.data.sources._tables import Row
from tfapps.data.sources.base import Looked
from tfapps.errors import InputError
from tfapps.text import labels

ENDINGS = {"tsv": "tsv", "csv": "csv", "jsonl": "jsonl", "json": "jsonl", "parquet": "parquet"}
_USUAL = {"csv": ",", "tsv": _tables.TAB}
_LIST = re.compile(r"\s*\[\s*(?=\{|\])")


class Form(NamedTuple):
    """How a file of records is written.

    Attributes:
        name: csv, tsv, jsonl or parquet.
        encoding: of a text file without a byte order mark; None is UTF-8.
        delimiter: of a table; None detects it.
        settable: whether the config's source has `encoding`, for messages.
    """

    name: str
    encoding: str | None = None
    delimiter: str | None = None
    settable: bool = True


def read(path: Path, form: Form, names: Sequence[str]) -> list[Row]:
    """Return all records of a file, with the wanted columns (JSON objects as they are).

    Raises:
        InputError: a column or all rows are missing, or one is malformed (naming its place).
    """
    if form.name == "parquet":
        return _parquet.read(path, names)
    text = files.read_text(path, form.encoding, form.settable)
    if form.name in _USUAL:
        return _tables.read(path, text, _USUAL[form.name], form.delimiter, names)
    objects = _objects_of_list(path, text) if _LIST.match(text) else _objects_of_lines(path, text)
    rows = [Row(place, _clean_keys(fields)) for place, fields in objects]
    if not rows:
        raise InputError(f"{path}: an empty list, no rows")
    return rows


def look(path: Path, name: str) -> Looked | None:
    """Return all columns of a file of the form `name`; None if it is of another one.

    Raises:
        InputError: all rows are missing, or one is malformed.
    """
    if name == "parquet":
        return Looked(_by_name(_parquet.read(path, None)), {}) if _parquet.is_one(path) else None
    encoding = files.likely_encoding(path)
    text = files.read_text(path, encoding)
    options: dict[str, Any] = {} if encoding is None else {"encoding": encoding}
    if text.lstrip()[0] in "{[":
        rows = read(path, Form(name, encoding), ()) if name == "jsonl" else []
        return Looked(_by_name(rows), options) if rows else None
    table = _tables.look(path, text) if name in _USUAL else None
    if table is None:
        return None
    delimiter, rows, unnamed = table
    if delimiter != _USUAL[name]:
        options["delimiter"] = delimiter
    return Looked(_by_name(rows), options, unnamed)


def _by_name(rows: Sequence[Row]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row.fields)
    return {name: [row.fields.get(name) for row in rows] for name in names}


def form_of(path: str) -> Form:
    """Return the form of a file by its ending.

    Raises:
        InputError: another ending.
    """
    ending = Path(files.plain_name(path)).suffix.removeprefix(".")
    if ending not in ENDINGS:
        *endings, last = (f".{name}" for name in ENDINGS)
        raise InputError(
            f"{path}: expected a file that ends in {', '.join(endings)} or {last} (.gz or .zst "
            f"may follow)"
        )
    return Form(ENDINGS[ending], settable=False)


def _objects_of_lines(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(files.plain_ends(text).split("\n"), 1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _no_json(place, error) from error
        if not isinstance(record, dict):
            raise InputError(f"{place}: {files.short(record)}, expected a JSON object")
        yield place, record


def _objects_of_list(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a file that is one JSON list, each with the line on which it starts."""
    decoder, blank = json.JSONDecoder(), re.compile(r"\s*")
    at, line, counted = _LIST.match(text).end(), 1, 0
    while text[at : at + 1] != "]":
        line, counted = line + text.count("\n", counted, at), at
        try:
            record, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            below = text.count("\n", counted, getattr(error, "pos", counted))
            raise _no_json(f"{path}:{line + below}", error) from error
        if not isinstance(record, dict):
            raise InputError(f"{path}:{line}: {files.short(record)}, expected a JSON object")
        yield f"{path}:{line}", record
        at = blank.match(text, at).end()
        if text[at : at + 1] == ",":
            at = blank.match(text, at + 1).end()
        elif text[at : at + 1] != "]":
            line += text.count("\n", counted, at)
            raise InputError(f"{path}:{line}: not JSON (expected ',' or ']' behind an object)")
    if rest := text[at + 1 :].strip():
        line += text.count("\n", counted, text.rindex(rest))
        raise InputError(f"{path}:{line}: more text behind the end of the JSON list")


def _no_json(place: str, error: Exception) -> InputError:
    problem = getattr(error, "msg", "a number too long or nested too deeply")
    return InputError(
        f"{place}: not JSON ({problem}), expected one object a line, or a list of objects"
    )


def _clean_keys(fields: dict[str, Any]) -> dict[str, Any]:
    if all(key.isascii() and key == key.strip() for key in fields):
        return fields
    return {labels.clean(key): value for key, value in fields.items()}
