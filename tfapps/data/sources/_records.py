"""Finding and reading data files: paths, gzip, encoding, rows."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tfapps.errors import InputError


class Row(NamedTuple):
    """One record of a file and the line it starts on."""

    line: int
    fields: dict[str, Any]


def read_text(path: Path) -> str:
    """The whole file as text; `.gz` is unpacked, a byte order mark dropped.

    Raises:
        InputError: unreadable, damaged, empty, not UTF-8, or with NUL bytes (naming the line).
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: damaged gzip file ({error}); copy it anew") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts from behind the byte order mark, error.object is what it counted in.
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}:{line}: byte 0x{error.object[error.start]:02x} is not UTF-8; "
            f"save the file as UTF-8 text"
        ) from error
    zero = text.find("\0")
    if zero >= 0:
        line = text.count("\n", 0, zero) + 1
        raise InputError(f"{path}:{line}: NUL byte, expected text; is it a text file in UTF-8?")
    if not text.strip():
        raise InputError(f"{path}: the file is empty")
    return text


def read_lines(path: Path) -> list[str]:
    """The lines of a file; only a line end ends one, however Unicode sees it.

    Raises:
        InputError: what `read_text` refuses.
    """
    lines = _plain_ends(read_text(path)).removesuffix("\n").split("\n")
    return [line.removesuffix("\r") for line in lines]


def read_rows(path: Path, form: str) -> list[Row]:
    """All records of a tsv, csv or jsonl file.

    Raises:
        InputError: no rows, or a malformed one (naming the line).
    """
    text = read_text(path)
    if form == "jsonl":
        return list(_json_rows(path, text))
    records = _csv_records(path, text) if form == "csv" else _tsv_records(text)
    _, header = next(records)
    _check_header(path, header)
    rows = []
    for line, fields in records:
        if len(fields) != len(header):
            noun = "field" if len(fields) == 1 else "fields"
            raise InputError(
                f"{path}:{line}: {len(fields)} {noun}, expected {len(header)} ({', '.join(header)})"
            )
        rows.append(Row(line, dict(zip(header, fields, strict=True))))
    if not rows:
        raise InputError(f"{path}: only a header ({', '.join(header)}), no rows")
    return rows


def form_of(path: str) -> str:
    """tsv, csv or jsonl, by a file's ending.

    Raises:
        InputError: another ending.
    """
    ending = Path(path.removesuffix(".gz")).suffix.removeprefix(".")
    if ending not in ("tsv", "csv", "jsonl"):
        raise InputError(f"{path}: expected a file that ends in .tsv, .csv or .jsonl (or with .gz)")
    return ending


def _check_header(path: Path, header: list[str]) -> None:
    for name in header:
        if not name:
            raise InputError(f"{path}:1: a column without a name in the header {header}")
        if header.count(name) > 1:
            raise InputError(f"{path}:1: column {name!r} is there {header.count(name)} times")


def _json_rows(path: Path, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            what = getattr(error, "msg", "a number too long or nested too deeply")
            raise InputError(
                f"{path}:{number}: not JSON ({what}), expected one object a line"
            ) from error
        if not isinstance(record, dict):
            raise InputError(f"{path}:{number}: {short(record)}, expected a JSON object")
        yield Row(number, record)


def _csv_records(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Records by Python's csv; strict, so that an open quote can't swallow the rest unseen."""
    limit = csv.field_size_limit(sys.maxsize)
    line = 1
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        for fields in reader:
            if fields:
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"{path}:{line}: {error}; a quoted field must close its quote, and "
            f'a quote inside it is written ""'
        ) from error
    finally:
        csv.field_size_limit(limit)


_QUOTED = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"(?=\t|\r?\n|\r?\Z)')
_QUOTED_LINES = re.compile(r'"([^"\t]*+(?:""[^"\t]*+)*+)"(?=\t|\r?\n|\r?\Z)')
_PLAIN = re.compile(r"[^\t\n]*")


def _tsv_records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Records of a tab-separated file, in which a quote is mostly just a character.

    A field is quoted if it starts with a quote that closes right before a tab or the line's end.
    It may span lines only if it holds no tab and the record then has as many fields as the
    header: a line that is a record by itself can never be swallowed by a stray quote.
    """
    text = _plain_ends(text)
    at, line, width = 0, 1, 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        plain = text[at:end].removesuffix("\r")
        if plain:
            fields, stop = plain.split("\t"), end
            if '"' in plain:
                fields, stop = _quoted_record(text, at, end, width or len(fields))
            width = width or len(fields)
            yield line, fields
            line += text.count("\n", end, stop)
            end = stop
        at, line = end + 1, line + 1


def _plain_ends(text: str) -> str:
    """A lone carriage return is a line end only in a file that has no other."""
    return text if "\n" in text else text.replace("\r", "\n")


def _quoted_record(text: str, at: int, end: int, width: int) -> tuple[list[str], int]:
    """Fields of the record at `at` and where it stops: the first reading that fits the width."""
    several = _read_fields(text, at, _QUOTED_LINES) if width > 1 else None
    if several is not None and len(several[0]) == width:
        return several
    one = _read_fields(text[at:end], 0, _QUOTED)
    plain = text[at:end].removesuffix("\r").split("\t")
    return (one[0] if len(one[0]) == width else plain), end


def _read_fields(text: str, at: int, quoted: re.Pattern[str]) -> tuple[list[str], int]:
    fields = []
    while True:
        found = quoted.match(text, at)
        if found:
            fields.append(found[1].replace('""', '"'))
        else:
            found = _PLAIN.match(text, at)
            fields.append(found[0])
        at = found.end()
        if text[at : at + 1] != "\t":
            break
        at += 1
    if found.re is _PLAIN:
        fields[-1] = fields[-1].removesuffix("\r")
    return fields, at + (text[at : at + 1] == "\r")


def short(value: object) -> str:
    """A value as JSON, cut to fit into an error message."""
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 40 else shown[:37] + "..."
