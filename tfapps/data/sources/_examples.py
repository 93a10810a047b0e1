"""Records to examples: {"text", "text_pair" where asked for, "label"}."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from tfapps import paths, registry
from tfapps.config import Section
from tfapps.data.limits import Limit
from tfapps.data.sources import _files
from tfapps.errors import InputError

Example = dict[str, Any]
Fraction = Annotated[float, Field(gt=0, lt=1)]


class Columns(Section):
    """Which columns (or keys) hold what; several text columns are joined by a space."""

    text: str | list[str] = "text"
    text_pair: str | None = None
    label: str = "label"
    limit: Limit = None
    shots: int | None = Field(default=None, ge=1)  # rows of each label in train, drawn by the seed


class Files(Columns):
    """The splits as files; a `dev` between 0 and 1 is the part of train carved out for it."""

    root: str | None = None
    train: str
    dev: str | Fraction
    test: str | None = None


class Tables(Files):
    """Files whose fields are text: several labels need a separator."""

    label_separator: str | None = Field(default=None, min_length=1)


def read(config: Files, split: str, form: str) -> list[Example]:
    """Examples of train, dev or test out of the file that the config names.

    Raises:
        InputError: the config names no file for the split, or the file is not as described.
    """
    path = paths.locate(named(config, split, "a file"), config.root)
    return from_file(config, path, form, labelled=True)


def read_file(config: Columns, path: str | Path, form: str, labelled: bool) -> list[Example]:
    """Examples of a file that the user names, in the format of the config."""
    found = paths.locate(str(path), getattr(config, "root", None), here_first=True)
    return from_file(config, found, form, labelled)


def named(config: Section, split: str, expected: str) -> str:
    """What the config calls a split.

    Raises:
        InputError: it has no such split, or carves it out of another.
    """
    name = getattr(config, split)
    if not isinstance(name, str):
        raise InputError(f"data.{split}: got {name}, expected {expected} to read")
    return name


def from_file(config: Columns, path: Path, form: str, labelled: bool) -> list[Example]:
    """Examples of a file."""
    rows = _files.read_rows(path, form)
    separator = getattr(config, "label_separator", None) if form != "jsonl" else None
    if form != "jsonl":
        check_columns(wanted(config, labelled), list(rows[0].fields), str(path))
    records = ((f"{path}:{row.line}", row.fields) for row in rows)
    return build(config, records, labelled, separator)


def check_columns(names: list[str], there: list[str], where: str) -> None:
    """Refuse a config whose columns are not all there.

    Raises:
        InputError: naming the missing column, the nearest one, and those there.
    """
    for name in names:
        if name not in there:
            near = registry.nearest(name, there)
            hint = f"; did you mean {near!r}?" if near else ""
            raise InputError(f"{where}: no column {name!r}; there are {', '.join(there)}{hint}")


def build(
    config: Columns,
    records: Iterable[tuple[str, dict[str, Any]]],
    labelled: bool,
    separator: str | None = None,
    name_of: Callable[[Any], Any] = lambda label: label,
) -> list[Example]:
    """Examples of (place, record); `name_of` turns a stored label into its name.

    Raises:
        InputError: at that place a text or label is missing, empty or of a wrong type.
    """
    examples = []
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
            label = name_of(field(place, record, config.label))
            example["label"] = _label(f"{place}: {config.label}", label, separator)
        examples.append(example)
    if labelled:
        _check_one_kind(examples)
    return examples


def wanted(config: Columns, labelled: bool) -> list[str]:
    """Names of the columns that a config uses."""
    names = [config.text] if isinstance(config.text, str) else list(config.text)
    names += [config.text_pair] if config.text_pair is not None else []
    return names + ([config.label] if labelled else [])


def field(place: str, record: dict[str, Any], name: str) -> Any:
    """A field, whatever it holds.

    Raises:
        InputError: the record has none of this name.
    """
    if name not in record:
        near = registry.nearest(name, list(record))
        hint = f"; did you mean {near!r}?" if near else ""
        raise InputError(f"{place}: no key {name!r}; there are {', '.join(record)}{hint}")
    return record[name]


def text(place: str, record: dict[str, Any], name: str) -> str:
    """A field that holds text.

    Raises:
        InputError: it does not, or is not there.
    """
    value = field(place, record, name)
    if not isinstance(value, str):
        raise InputError(f"{place}: {name} is {_files.short(value)}, expected text")
    return value


def _label(place: str, value: Any, separator: str | None) -> str | list[str]:
    """A label's name, or a list of names without repeats; the list may be empty."""
    if isinstance(value, str) and separator is not None:
        value = [part.strip() for part in value.split(separator)] if value.strip() else []
    if isinstance(value, list):
        return list(dict.fromkeys(_label_name(place, part) for part in value))
    return _label_name(place, value)


def _label_name(place: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise InputError(
            f"{place} is {_files.short(value)}, expected a text, a number or a list of them"
        )
    name = str(value).strip()
    if not name:
        raise InputError(f"{place}: empty label; fill it or drop the row")
    return name


def _check_one_kind(examples: list[Example]) -> None:
    """One label a row or lists of labels, never both in one file."""
    lists = sum(isinstance(example["label"], list) for example in examples)
    if 0 < lists < len(examples):
        raise InputError(
            f"{lists} of {len(examples)} rows have a list of labels, the others a single one; "
            f"expected one kind (write single labels as lists too)"
        )
