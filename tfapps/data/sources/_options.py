"""Options that sources share."""

from __future__ import annotations

import codecs
from typing import Annotated

from pydantic import AfterValidator, Field

from tfapps.config.sections import ADDED, Section
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
