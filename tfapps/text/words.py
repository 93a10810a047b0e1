"""Words of a plain text and their positions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import regex

UNITS = ("words", "characters")

# What UAX 29 attaches to the character before it: accents, vowel signs, joiners, soft hyphens.
ATTACHED = r"[\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}]"
_LETTER = rf"[\p{{L}}\p{{N}}_]{ATTACHED}*+"
# Tokens of training data that UAX 29 splits: abbreviations with their last full stop
# (U.N.), and letters and digits around signs that may occur inside a word (e-mail, AT&T).
_TOKEN = regex.compile(
    rf"(?:\p{{L}}{ATTACHED}*+\.{ATTACHED}*+){{2,}}|(?:{_LETTER})++(?:[-.,:/&'’](?:{_LETTER})++)*+"
)
# The library never breaks between an apostrophe and a vowel ('em); UAX 29 does, and where a letter
# stands before the apostrophe as well, `_TOKEN` joins them.
_BOUNDARY = regex.compile(r"(?w)\b|(?<=['’])(?=\p{L})")
_CLUSTER = regex.compile(r"\X")
# White space and invisible characters: direction marks, zero width spaces.
_NOTHING = regex.compile(r"[\s\p{Default_Ignorable_Code_Point}]*+")


class Word(NamedTuple):
    """A word of a text: `text[start:end]`."""

    text: str
    start: int
    end: int


def split(text: str, unit: str) -> list[Word]:
    """Split a text into words and punctuation, or (for example for Chinese) into characters.

    Words follow the word boundaries of Unicode (UAX 29), but tokens of training data
    (`e-mail`, `U.N.`, a run of Thai or Chinese letters) are one word. A character is what a
    reader sees as one: a letter with its accents and vowel signs, an emoji with its joiners.
    White space and invisible characters by themselves belong to no word.

    Example: `[w.text for w in split("U.N. aid, 3.5 tons.", "words")]` is
    `["U.N.", "aid", ",", "3.5", "tons", "."]`.
    """
    spans = clusters(text) if unit == "characters" else _words(text)
    visible = ((_NOTHING.match(text, start, end).end(), end) for start, end in spans)
    return [Word(text[start:end], start, end) for start, end in visible if start < end]


def clusters(text: str) -> list[tuple[int, int]]:
    """Return [start, end) of each grapheme cluster of a text, including blanks."""
    return [match.span() for match in _CLUSTER.finditer(text)]


def _words(text: str) -> Iterator[tuple[int, int]]:
    """Yield the segments of UAX 29, joined where a token spans them."""
    inside = bytearray(len(text) + 1)  # 1 where a token forbids a border
    for token in _TOKEN.finditer(text):
        start, end = token.span()
        inside[start + 1 : end] = b"\1" * (end - start - 1)
    start = 0
    for match in _BOUNDARY.finditer(text):
        border = match.start()
        if border > start and not inside[border]:
            yield start, border
            start = border
    if start < len(text):
        yield start, len(text)
