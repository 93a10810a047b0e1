"""Files of one JSON object a line, or of one list of objects; a label may be a list of labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tfapps.config.sections import ADDED
from tfapps.data.sources import _examples, _options, _records, base


class Config(_examples.TextFiles):
    """Files, columns and labels of a jsonl data set."""

    source: str = "jsonl"
    label_separator: Annotated[_options.Separator, ADDED] = None


def read(config: Config, split: str) -> list[_examples.Example]:
    """Examples of train, dev or test."""
    return _examples.read(config, split, _records.Form("jsonl", config.encoding))


def read_file(config: Config, path: str | Path, labelled: bool = True) -> list[_examples.Example]:
    """Examples of any file with the columns of the config."""
    form = _records.Form("jsonl", config.encoding)
    return _examples.read_file(config, path, form, labelled, config.root)


class Source(base.Source):
    """What other packages ask of this file."""

    read = staticmethod(read)
    read_file = staticmethod(read_file)
