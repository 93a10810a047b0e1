"""Corpora that come with tfapps: they need neither files nor a network."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from tfapps import registry
from tfapps.data.sources import _examples, _files
from tfapps.errors import InputError


class Config(_examples.Columns):
    """Which sample; its files have the columns text and label."""

    source: str = "sample"
    sample: str
    train: str = "train"
    dev: str | _examples.Fraction = "dev"
    test: str | None = "test"
    label_separator: str | None = None


def available() -> list[str]:
    """Names of the samples that are installed."""
    folders = resources.files("tfapps.samples").iterdir()
    return sorted(folder.name for folder in folders if folder.joinpath("train.tsv").is_file())


def read(config: Config, split: str) -> list[_examples.Example]:
    """Examples of train, dev or test.

    Raises:
        InputError: no such sample, or it has no such split.
    """
    name = getattr(config, split)
    if not isinstance(name, str):
        raise InputError(f"data.{split}: got {name}, expected the name of a split to read")
    there = available()
    if config.sample not in there:
        near = registry.nearest(config.sample, there)
        hint = f"; did you mean {near!r}?" if near else ""
        raise InputError(
            f"unknown sample {config.sample!r}: expected one of {', '.join(there)}{hint}"
        )
    folder: Traversable = resources.files("tfapps.samples").joinpath(config.sample)
    with resources.as_file(folder.joinpath(f"{name}.tsv")) as path:
        if not path.is_file():
            raise InputError(f"sample {config.sample!r} has no split {name!r}")
        examples = _examples.from_file(config, path, "tsv", labelled=True)
    return _examples.limited(config, split, examples)


def read_file(config: Config, path: str | Path, labelled: bool = True) -> list[_examples.Example]:
    """Examples of any tsv, csv or jsonl file with the columns of the config."""
    return _examples.read_file(config, path, _files.form_of(str(path)), labelled)
