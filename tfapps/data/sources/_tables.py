"""Tables of text: which character separates their columns, and their records."""

from __future__ import annotations

import csv
import io
import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tfapps import registry
from tfapps.data import files
from tfapps.errors import InputError
from tfapps.text import labels

TAB = "\t"
_DELIMITERS = {",": "commas", TAB: "tabs", ";": "semicolons", "|": "bars (|)"}
_NAMED = re.compile(r'"?sep=([^"\r\n])"?(?=[\r\n])', re.IGNORECASE)  # first line, as Excel has it
_HEAD = 1 << 16  # characters in which a header ends


class Row(NamedTuple):
    """A record of a file and its place there, for messages."""

    place: str
    fields: dict[str, Any]


class Table(NamedTuple):
    """All columns of a file.

    Attributes:
        delimiter: between columns.
        header: their names.
        rows: the fields of each, as many as names.
    """

    delimiter: str
    header: list[str]
    rows: list[list[str]]


def whole(path: Path, text: str, names: Sequence[str]) -> Table:
    """Return all columns of a table with a header, those without a name as well.

    Args:
        path: of the file, for messages.
        text: its content.
        names: of the columns that are needed.

    Raises:
        InputError: a column is missing, or a row is malformed (naming the line).
    """
    named = _NAMED.match(text)
    text = text[named.end() :] if named else text
    cut = named[1] if named else _sniffed(path, text, ",", names)
    records = _records(path, text, cut)
    header = [labels.clean(name) for name in next(records)[1]]
    check_columns(names, header, str(path), cut)
    rows = []
    for line, fields in records:
        if len(fields) != len(header):
            raise InputError(_misfit(f"{path}:{line}", len(fields), header, cut))
        rows.append(fields)
    return Table(cut, header, rows)


def read(
    path: Path, text: str, usual: str, delimiter: str | None, names: Sequence[str]
) -> list[Row]:
    """Return the records of a table by the names in its header, the wanted columns alone.

    Args:
        path: of the file, for messages.
        text: its content.
        usual: the delimiter of such files; another one is looked for if this one does not fit.
        delimiter: the one that the user names, if any.
        names: of the columns that are needed.

    Raises:
        InputError: a column is missing, there are no rows, or one is malformed (naming the line).
    """
    named = _NAMED.match(text)
    if named:
        text = text[named.end() :]  # its line end stays, so that lines count as in the file
    cut = delimiter or (named[1] if named else _sniffed(path, text, usual, names))
    records = _records(path, text, cut)
    _, header = next(records)
    header = [labels.clean(name) for name in header]
    check_columns(names, header, str(path), cut)
    if not delimiter and not named and cut != usual:
        print(f"{path}: columns are separated by {_DELIMITERS[cut]}")
    numbers = {name: header.index(name) for name in names}
    rows = []
    for line, fields in records:
        if len(fields) != len(header):
            raise InputError(_misfit(f"{path}:{line}", len(fields), header, cut))
        values = {name: fields[number] for name, number in numbers.items()}
        rows.append(Row(f"{path}:{line}", values))
    if not rows:
        raise InputError(f"{path}: only a header ({_shown(header)}), no rows")
    return rows


def look(path: Path, text: str) -> tuple[str, list[Row], int] | None:
    """Return delimiter, records and number of columns without a name; None if it is no table.

    Raises:
        InputError: there are no rows, or one is malformed.
    """
    named = _NAMED.match(text)
    cut = named[1] if named else _likely(path, text)
    if cut is None:
        return None
    _, header = next(_records(path, text[named.end() :] if named else text, cut))
    header = [labels.clean(name) for name in header]
    names = [name for name in header if name and header.count(name) == 1]
    return cut, read(path, text, cut, cut, names), len(header) - len(names)


def _likely(path: Path, text: str) -> str | None:
    """Return the delimiter that cuts the first records into the most columns, all alike."""
    widths: dict[str, int] = {}
    head = text.lstrip("\r\n")[:_HEAD]
    for cut in _DELIMITERS:
        first: list[int] = []
        try:
            first = [len(fields) for _, fields in itertools.islice(_records(path, head, cut), 50)]
        except InputError:  # quotes that do not fit this delimiter
            continue
        whole = first[:-1] if len(text) > len(head) else first
        if len(whole) > 1 and len(set(whole)) == 1 and whole[0] > 1:
            widths[cut] = whole[0]
    return max(widths, key=lambda cut: widths[cut], default=None)


def check_columns(
    names: Sequence[str], available: Sequence[str], where: str, delimiter: str | None = None
) -> None:
    """Refuse a config whose columns are not all available, or more than once.

    Args:
        names: columns that are wanted.
        available: columns that the data has.
        where: place of the header, or of the data.
        delimiter: what separates the columns of a table with a header.

    Raises:
        InputError: naming the missing column, the nearest one, and those available.
    """
    for name in names:
        if available.count(name) > 1:
            raise InputError(
                f"{where}: column {name!r} appears {available.count(name)} times, expected once; "
                f"rename or remove the others"
            )
        if name in available:
            continue
        hint = registry.hint(name, filter(None, available))
        if delimiter is not None and not set(names) & set(available):
            hint += (
                f"; the first line must name the columns, separated by "
                f"{_DELIMITERS.get(delimiter, repr(delimiter))} (data.delimiter)"
            )
        raise InputError(f"{where}: no column {name!r}; available: {_shown(available)}{hint}")


def _shown(header: Sequence[str]) -> str:
    unnamed = sum(not name for name in header)
    more = [f"{unnamed} without a name"] if unnamed else []
    return ", ".join([*(name for name in header if name), *more])


def _misfit(place: str, fields: int, header: Sequence[str], cut: str) -> str:
    noun = "field" if fields == 1 else "fields"
    hint = f"; a field that holds {cut!r} must be in double quotes" if fields > len(header) else ""
    return f"{place}: {fields} {noun}, expected {len(header)} ({_shown(header)}){hint}"


def _sniffed(path: Path, text: str, usual: str, names: Sequence[str]) -> str:
    """Return the delimiter whose header has the wanted columns; else that with the most columns."""
    headers: dict[str, list[str]] = {}
    head = text.lstrip("\r\n")[:_HEAD]
    for cut in dict.fromkeys([usual, *_DELIMITERS]):
        try:
            _, header = next(_records(path, head, cut))
        except InputError:  # quotes that do not fit this delimiter
            continue
        headers[cut] = [labels.clean(name) for name in header]
        if set(names) <= set(headers[cut]):
            return cut
    if len(headers.get(usual, "")) > 1:
        return usual
    return max(headers, key=lambda cut: len(headers[cut]), default=usual)


def _records(path: Path, text: str, cut: str) -> Iterator[tuple[int, list[str]]]:
    """Return the records and their first lines; with tabs a stray quote is just a character."""
    return _tab_records(text) if cut == TAB else _quoted_records(path, text, cut)


def _quoted_records(path: Path, text: str, cut: str) -> Iterator[tuple[int, list[str]]]:
    """Yield records of Python's csv; strict, so that an open quote can't swallow the rest."""
    limit = csv.field_size_limit(sys.maxsize)
    line = 1
    try:
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=cut,
            strict=True,
            skipinitialspace=_blanks_before_quotes(text, cut),
        )
        for fields in reader:
            if fields:
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"{path}:{line}: {error}; a quoted field must close its quote right before the next "
            f'{cut!r}, and a quote inside it is written ""'
        ) from error
    finally:
        csv.field_size_limit(limit)


def _blanks_before_quotes(text: str, cut: str) -> bool:
    """Return whether fields are written `, "so"`; if not, leading blanks of a field are kept."""
    quoted = rf'{re.escape(cut)} ++"[^"\n]*+(?:""[^"\n]*+)*+"(?={re.escape(cut)}|\r?\n|\r?\Z)'
    return re.search(quoted, text) is not None


_QUOTED = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"(?=\t|\r?\n|\r?\Z)')
_QUOTED_LINES = re.compile(r'"([^"\t]*+(?:""[^"\t]*+)*+)"(?=\t|\r?\n|\r?\Z)')
_PLAIN = re.compile(r"[^\t\n]*")


def _tab_records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of a tab-separated file, in which a quote is mostly just a character.

    A field is quoted if it starts with a quote that closes right before a tab or the line's end.
    It may span lines only if it holds no tab and the record then has as many fields as the
    header: a line that is a record by itself can never be swallowed by a stray quote.
    """
    text = files.plain_ends(text)
    at, line, width = 0, 1, 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        plain = text[at:end].removesuffix("\r")
        if plain:
            fields, stop = plain.split(TAB), end
            if '"' in plain:
                fields, stop = _quoted_record(text, at, end, width or len(fields))
            width = width or len(fields)
            yield line, fields
            line += text.count("\n", end, stop)
            end = stop
        at, line = end + 1, line + 1


def _quoted_record(text: str, at: int, end: int, width: int) -> tuple[list[str], int]:
    """Return the fields of the record at `at` and its end: the first reading of the right width."""
    several = _read_fields(text, at, _QUOTED_LINES) if width > 1 else None
    if several is not None and len(several[0]) == width:
        return several
    one = _read_fields(text[at:end], 0, _QUOTED)
    plain = text[at:end].removesuffix("\r").split(TAB)
    return (one[0] if len(one[0]) == width else plain), end


def _read_fields(text: str, at: int, quoted: re.Pattern[str]) -> tuple[list[str], int]:
    fields = []
    while True:
        match = quoted.match(text, at)
        if match:
            fields.append(match[1].replace('""', '"'))
        else:
            match = _PLAIN.match(text, at)
            fields.append(match[0])
        at = match.end()
        if text[at : at + 1] != TAB:
            break
        at += 1
    if match.re is _PLAIN:
        fields[-1] = fields[-1].removesuffix("\r")
    return fields, at + (text[at : at + 1] == "\r")
