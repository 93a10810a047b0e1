"""Records to examples: {"text", "text_pair" of pairs, "label"}."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from tfapps import registry
from tfapps.config import paths
from tfapps.config.sections import ADDED, Section
from tfapps.data import files
from tfapps.data.limits import Limit
from tfapps.data.sources import _options, _records, base
from tfapps.data.sources._options import Column, Fraction
from tfapps.errors import InputError
from tfapps.text import lines
from tfapps.text.labels import Spellings

Example = dict[str, Any]


class Columns(Section):
    """Which columns (or keys) hold what; several text columns are joined by a space.

    Attributes:
        label_separator: splits a label that is text into several, for multi-label tasks.
    """

    text: Column | list[Column] = "text"
    text_pair: Column | None = None
    label: Column = "label"
    limit: Limit = None
    shots: int | None = Field(default=None, ge=1)  # rows of each label in train, drawn by the seed

    if TYPE_CHECKING:
        # Fingerprints depend on the order of fields: each source has this one in its own place.
        source: str
        label_separator: _options.Separator


class Files(Columns):
    """The splits as files; a `dev` or `test` between 0 and 1 is the share of train that it takes.

    A config that names neither holds out a tenth for each.
    """

    root: str | None = None
    train: str
    dev: str | Fraction = _options.HELD_OUT
    test: str | Fraction | None = None

    _splits = model_validator(mode="before")(_options.default_splits)

    def form(self) -> _records.Form:
        """Return how the files are written."""
        return _records.Form(self.source)


class TextFiles(Files, _options.Encoded):
    """Files of text."""

    def form(self) -> _records.Form:
        """Return how the files are written."""
        return super().form()._replace(encoding=self.encoding)


class Tables(TextFiles):
    """Files with a header that names their columns.

    Attributes:
        delimiter: between columns; None looks for it in the header.
    """

    label_separator: _options.Separator = None
    delimiter: Annotated[_options.Delimiter | None, ADDED] = None

    def form(self) -> _records.Form:
        """Return how the files are written."""
        return super().form()._replace(delimiter=self.delimiter)


class FileSource(base.Source):
    """A source whose splits are files of the form of its config."""

    @classmethod
    def look(cls, path: Path) -> base.Looked | None:
        """Return all columns of a file of the form that the first ending stands for."""
        return _records.look(path, _records.ENDINGS[cls.endings[0]])

    @staticmethod
    def read(config: Files, split: str) -> list[Example]:
        """Return the examples of train, dev or test."""
        path = paths.locate(named(config, split, "a file"), config.root)
        return from_file(config, path, config.form(), labelled=True)

    @staticmethod
    def read_file(config: Files, path: str | Path, labelled: bool = True) -> list[Example]:
        """Return the examples of any file with the columns of the config."""
        return read_file(config, path, config.form(), labelled, config.root)


def read_file(
    config: Columns, path: str | Path, form: _records.Form, labelled: bool, root: str | None = None
) -> list[Example]:
    """Return the examples of a file that the user names, in the format of the config."""
    located = paths.locate(str(path), root, here_first=True)
    return from_file(config, located, form, labelled)


def named(config: Section, split: str, expected: str) -> str:
    """Return what the config calls a split.

    Raises:
        InputError: it has no such split, or carves it out of another.
    """
    name = getattr(config, split)
    if not isinstance(name, str):
        raise InputError(f"data.{split}: got {name}, expected {expected} to read")
    return name


def from_file(config: Columns, path: Path, form: _records.Form, labelled: bool) -> list[Example]:
    """Return the examples of a file."""
    records = _records.read(path, form, columns_of(config, labelled))
    return build(config, records, labelled, str(path))


def build(
    config: Columns,
    records: Iterable[tuple[str, dict[str, Any]]],
    labelled: bool,
    where: str,
    name_of: Callable[[Any], Any] = lambda label: label,
) -> list[Example]:
    """Return the examples of (place, record).

    Args:
        config: names of the columns.
        records: with a place of each for messages.
        labelled: whether to read labels.
        where: the file or data set, for messages.
        name_of: turns a stored label into its name.

    Raises:
        InputError: at that place a text or label is missing, empty or of a wrong type.
    """
    examples = []
    spellings = Spellings()
    columns = [config.text] if isinstance(config.text, str) else config.text
    for place, record in records:
        parts = [text(place, record, column) for column in columns]
        joined = " ".join(part for part in parts if part.strip())
        if not joined:
            raise InputError(f"{place}: empty text ({', '.join(columns)}); fill it or drop the row")
        example: Example = {"text": joined}
        if config.text_pair is not None:
            example["text_pair"] = text(place, record, config.text_pair)
            if not example["text_pair"].strip():
                raise InputError(f"{place}: empty {config.text_pair}; fill it or drop the row")
        example["label"] = None
        if labelled:
            value = name_of(field(place, record, config.label))
            label_place = f"{place}: {config.label}"
            example["label"] = _label(label_place, value, config.label_separator, spellings)
        examples.append(example)
    if labelled:
        _check_one_kind(examples)
        spellings.report(where)
    return examples


def columns_of(config: Columns, labelled: bool) -> list[str]:
    """Return the names of the columns that a config uses."""
    names = [config.text] if isinstance(config.text, str) else list(config.text)
    names += [config.text_pair] if config.text_pair is not None else []
    return names + ([config.label] if labelled else [])


def field(place: str, record: dict[str, Any], name: str) -> Any:
    """Return a field, whatever it holds.

    Raises:
        InputError: the record has none of this name.
    """
    if name not in record:
        hint = registry.hint(name, record)
        raise InputError(f"{place}: no key {name!r}; available: {', '.join(record)}{hint}")
    return record[name]


def text(place: str, record: dict[str, Any], name: str) -> str:
    """Return a field that holds text.

    Raises:
        InputError: it does not, or is not there.
    """
    value = field(place, record, name)
    if not isinstance(value, str):
        raise InputError(f"{place}: {name} is {files.short(value)}, expected text")
    return lines.check_whole(value, f"{place}: {name}")


def label_name(place: str, value: Any, spellings: Spellings) -> str:
    """Return the name of a label that is text, a number, or true or false.

    Raises:
        InputError: it is none of these, or empty.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise InputError(
            f"{place} is {files.short(value)}, expected a text, a number or a list of them"
        )
    missing = isinstance(value, float) and not math.isfinite(value)
    name = "" if missing else spellings(lines.check_whole(str(value), place))
    if not name:
        raise InputError(f"{place}: empty label; fill it or drop the row")
    return name


def _label(place: str, value: Any, separator: str | None, spellings: Spellings) -> str | list[str]:
    """Return a label's name, or a list of names without repeats; the list may be empty."""
    if isinstance(value, str) and separator is not None:
        value = value.split(separator) if value.strip() else []
    if isinstance(value, list):
        return list(dict.fromkeys(label_name(place, part, spellings) for part in value))
    return label_name(place, value, spellings)


def _check_one_kind(examples: list[Example]) -> None:
    """Check that a file has one label a row or lists of labels, not both."""
    lists = sum(isinstance(example["label"], list) for example in examples)
    if 0 < lists < len(examples):
        raise InputError(
            f"{lists} of {len(examples)} rows have a list of labels, the others a single one; "
            f"expected one kind (write single labels as lists too)"
        )
