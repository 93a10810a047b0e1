"""Comma-separated files with a header line; other delimiters are found out."""

from __future__ import annotations

from tfapps.data.sources import _examples, _records


class Config(_examples.Tables):
    """Files, columns and labels of a csv data set."""

    source: str = "csv"


class Source(_examples.FileSource):
    """What other packages ask of this file."""

    @staticmethod
    def _form(config: Config) -> _records.Form:
        return _records.Form("csv", config.encoding, config.delimiter)
