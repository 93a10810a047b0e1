"""CoNLL files: a word and its tag a line among other columns, blank lines between sentences."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import model_validator

from tfapps import paths
from tfapps.data.limits import Limit
from tfapps.data.sources import _examples, _files, _samples, _tagged
from tfapps.errors import InputError

DOCUMENT = "-DOCSTART-"
_BLANKS = re.compile(r"[ \t]+")


class Config(_tagged.Tagged):
    """The splits as files, or those of a sample that comes with tfapps.

    Attributes:
        token: number of the column of the words; columns count from 0, or back from -1.
        tag: number of the column of the tags.
    """

    source: str = "conll"
    root: str | None = None
    sample: str | None = None
    train: str = "train"
    dev: str | _examples.Fraction = "dev"
    test: str | None = None
    token: int = 0
    tag: int = -1
    limit: Limit = None

    @model_validator(mode="after")
    def _two_columns(self) -> Config:
        if self.token == self.tag:
            raise ValueError(f"token and tag are both column {self.tag}; expected two columns")
        return self


def read(config: Config, split: str) -> list[_examples.Example]:
    """Sentences of train, dev or test.

    Raises:
        InputError: no such file, or a malformed line of it.
    """
    name = _examples.named(config, split, "a file")
    if config.sample is None:
        return _from_file(config, paths.locate(name, config.root))
    with _samples.file(config.sample, name, ".conll") as path:
        return _from_file(config, path)


def read_file(config: Config, path: str | Path, labelled: bool = True) -> list[_examples.Example]:
    """Sentences of a file that the user names."""
    return _from_file(config, paths.locate(str(path), config.root, here_first=True))


def _from_file(config: Config, path: Path) -> list[_examples.Example]:
    sentences: list[_tagged.Sentence] = []
    document, width, first = 0, 0, 0
    rows: list[tuple[str, str, str]] = []

    def close() -> None:
        if rows:
            tokens, tags, places = (list(column) for column in zip(*rows, strict=True))
            sentences.append(_tagged.Sentence(tokens, tags, places, {"document": document}))
            rows.clear()

    for number, line in enumerate(_files.read_lines(path), 1):
        fields = _BLANKS.split(line.strip(" \t"))
        if fields == [""] or fields[0] == DOCUMENT:
            close()
            document += fields[0] == DOCUMENT
            continue
        if not width:
            width, first = len(fields), number
            _check_columns(config, path, number, width)
        if len(fields) != width:
            raise InputError(
                f"{path}:{number}: {len(fields)} columns, expected {width} as in line {first} "
                "(a word and its tags, with blanks or a tab between)"
            )
        rows.append((fields[config.token], fields[config.tag], f"{path}:{number}"))
    close()
    if not sentences:
        raise InputError(f"{path}: no sentences, expected a word and its tag a line")
    return _tagged.build(config, sentences, str(path))


def _check_columns(config: Config, path: Path, number: int, width: int) -> None:
    for name in ("token", "tag"):
        column = getattr(config, name)
        if not -width <= column < width:
            raise InputError(
                f"{path}:{number}: {width} columns, but data.{name} is {column}; expected "
                f"{-width} to {width - 1}"
            )
    if config.token % width == config.tag % width:
        raise InputError(
            f"{path}:{number}: {width} column(s), so data.token and data.tag are the same one; "
            "expected a word and its tag a line"
        )
