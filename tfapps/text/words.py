"""Words of a plain text and where they stand in it."""

from __future__ import annotations

import re
from typing import NamedTuple

HOW = ("words", "characters")

# Abbreviations (U.N.), then letters and digits with what may stand inside a word, then a sign.
_WORD = re.compile(r"(?:[^\W\d_]\.){2,}|\w+(?:[-.,:/&'’]\w+)*|[^\w\s]")
_CHARACTER = re.compile(r"\S")


class Word(NamedTuple):
    """A word of a text: `text[start:end]`."""

    text: str
    start: int
    end: int


def split(text: str, how: str) -> list[Word]:
    """The words of a text, punctuation apart, or (for Chinese, say) all its characters.

    Example: `[w.text for w in split("U.N. aid, 3.5 tons.", "words")]` is
    `["U.N.", "aid", ",", "3.5", "tons", "."]`.
    """
    pattern = _CHARACTER if how == "characters" else _WORD
    return [Word(found.group(), *found.span()) for found in pattern.finditer(text)]
