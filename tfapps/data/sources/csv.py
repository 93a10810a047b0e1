"""Comma-separated files with a header line; other delimiters are detected."""

from __future__ import annotations

from tfapps.data.sources import _examples


class Config(_examples.Tables):
    """Files, columns and labels of a csv data set."""

    source: str = "csv"


class Source(_examples.FileSource):
    """What other packages ask of this file."""

    endings = ("csv",)
