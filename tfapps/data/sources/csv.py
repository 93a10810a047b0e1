"""Comma-separated files with a header line; other delimiters are detected."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tfapps.data import files
from tfapps.data.sources import _examples, _tables
from tfapps.data.sources._tables import Table


class Config(_examples.Tables):
    """Files, columns and labels of a csv data set."""

    source: str = "csv"


class Source(_examples.FileSource):
    """What other packages ask of this file."""

    endings = ("csv",)


def table(path: Path, names: Sequence[str]) -> Table:
    """Return a whole table of text, whatever its delimiter and its encoding are.

    Args:
        names: of columns that it must have.

    Raises:
        InputError: no table, a column is missing, or a row is malformed.
    """
    text = files.read_text(path, files.likely_encoding(path), settable=False)
    return _tables.whole(path, text, names)
