"""Tab-separated files with a header line; a stray quote is just a character."""

from __future__ import annotations

from pathlib import Path

from tfapps.data.sources import _examples, _records, base


class Config(_examples.Tables):
    """Files, columns and labels of a tsv data set."""

    source: str = "tsv"


def read(config: Config, split: str) -> list[_examples.Example]:
    """Examples of train, dev or test."""
    return _examples.read(config, split, _form(config))


def read_file(config: Config, path: str | Path, labelled: bool = True) -> list[_examples.Example]:
    """Examples of any file with the columns of the config."""
    return _examples.read_file(config, path, _form(config), labelled, config.root)


def _form(config: Config) -> _records.Form:
    return _records.Form("tsv", config.encoding, config.delimiter)


class Source(base.Source):
    """What other packages ask of this file."""

    read = staticmethod(read)
    read_file = staticmethod(read_file)
