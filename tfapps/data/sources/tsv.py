"""Tab-separated files with a header line; a stray quote is just a character."""

from __future__ import annotations

from tfapps.data.sources import _examples


class Config(_examples.Tables):
    """Files, columns and labels of a tsv data set."""

    source: str = "tsv"


class Source(_examples.FileSource):
    """What other packages ask of this file."""

    endings = ("tsv", "tab")
