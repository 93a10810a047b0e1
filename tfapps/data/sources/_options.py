"""Options that sources share."""

from __future__ import annotations

import codecs
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from tfapps.config.sections import ADDED, Section
from tfapps.data import files
from tfapps.text import labels

# Python has codecs of text for other things than files.
_NO_FILES = ("idna", "punycode", "unicode-escape", "raw-unicode-escape")


def _codec(name: str) -> str:
    try:
        "a".encode(name)
        if codecs.lookup(name).name.replace("_", "-") in _NO_FILES:
            raise LookupError(name)
    except (LookupError, UnicodeError, ValueError):
        raise ValueError(
            f"got {name!r}, expected the name of a text encoding, such as utf-16-le, cp1252 or "
            f"gb18030"
        ) from None
    return name


def _one_character(delimiter: str) -> str:
    delimiter = {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)
    if len(delimiter) != 1 or delimiter in '"\r\n ' or "\ud800" <= delimiter <= "\udfff":
        raise ValueError(
            f'got {delimiter!r}, expected one character, such as ";", "|" or tab, and no quote '
            f"or blank"
        )
    return delimiter


def _column(name: str) -> str:
    """Return the name as names in a header are read."""
    cleaned = labels.clean(name)
    if not cleaned:
        raise ValueError(f"got {name!r}, expected the name of a column")
    return cleaned


def default_splits(options: Any) -> Any:
    """Return options with shares of train as dev and test, if they name neither."""
    if not isinstance(options, dict) or options.keys() & {"dev", "test"}:
        return options
    return {**options, "dev": HELD_OUT, "test": HELD_OUT}


def default_splits_of_file(options: Any, endings: Collection[str] = ()) -> Any:
    """Return the same where `train` is a file; other names of it are those of a split.

    Args:
        endings: of files; empty for any.
    """
    train = options.get("train") if isinstance(options, dict) else None
    if not isinstance(train, str) or options.get("dataset") or options.get("sample"):
        return options
    ending = Path(files.plain_name(train)).suffix.removeprefix(".")
    is_file = ending in endings if endings else bool(ending)
    return default_splits(options) if is_file else options


HELD_OUT = 0.1  # of all rows, for dev and again for test, where a config names one file only
Fraction = Annotated[float, Field(gt=0, lt=1)]
Encoding = Annotated[str, AfterValidator(_codec)]
Delimiter = Annotated[str, AfterValidator(_one_character)]
Column = Annotated[str, AfterValidator(_column)]
Separator = Annotated[str, Field(min_length=1)] | None


class Encoded(Section):
    """How bytes become text.

    Attributes:
        encoding: of files without a byte order mark; None is UTF-8.
    """

    encoding: Annotated[Encoding | None, ADDED] = None
