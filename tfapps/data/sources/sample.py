"""Corpora that come with tfapps: they need neither files nor a network."""

from __future__ import annotations

from pathlib import Path

from tfapps.data.sources import _examples, _options, _records, _samples, base


class Config(_examples.Columns):
    """Which sample; its files have the columns text and label."""

    source: str = "sample"
    sample: str
    train: str = "train"
    dev: str | _examples.Fraction = "dev"
    test: str | _examples.Fraction | None = "test"
    label_separator: _options.Separator = None


def read(config: Config, split: str) -> list[_examples.Example]:
    """Return the examples of train, dev or test.

    Raises:
        InputError: no such sample, or it has no such split.
    """
    name = _examples.named(config, split, "the name of a split")
    with _samples.file(config.sample, name) as path:
        return _examples.from_file(config, path, _records.Form("tsv"), labelled=True)


def read_file(config: Config, path: str | Path, labelled: bool = True) -> list[_examples.Example]:
    """Return the examples of any csv, tsv, jsonl or Parquet file with the columns of the config."""
    return _examples.read_file(config, path, _records.form_of(str(path)), labelled)


class Source(base.Source):
    """What other packages ask of this file."""

    read = staticmethod(read)
    read_file = staticmethod(read_file)
