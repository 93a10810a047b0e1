"""CoNLL-U: ten columns with tabs between them, words that may hold blanks, tags in MISC.

Source: https://universaldependencies.org/format.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tfapps.data.sources._tagged import Sentence
from tfapps.errors import InputError
from tfapps.text.tags import OUTSIDE

FORM, MISC, WIDTH = 1, 9, 10
_NUMBER = re.compile(r"\d+([-.]\d+)?")
_TAG = re.compile(r"[BIESLUMW]-[^|=]+")
_ENTITY = re.compile(r"(?:^|\|)(?:NER|NE)=([^|]+)", re.IGNORECASE)


def is_universal(line: str) -> bool:
    """Return whether a line is a word of CoNLL-U."""
    fields = split(line)
    return len(fields) == WIDTH and _NUMBER.fullmatch(fields[0]) is not None


def split(line: str) -> list[str]:
    """Return the columns of a line."""
    return line.split("\t")


def is_word(fields: Sequence[str]) -> bool:
    """Return whether a line is a word; `1-2` (a span) and `1.1` (not in the text) are not."""
    return fields[0].isdecimal()


def word_and_tag(fields: Sequence[str], token: int, tag: int) -> tuple[str, str]:
    """Return the word of a line and its tag; `_` stands for no tag.

    Args:
        fields: the columns.
        token: number of the column of words; that of the numbers stands for FORM.
        tag: number of the column of tags.
    """
    value = fields[tag]
    if tag in (-1, MISC):
        match = _ENTITY.search(value) or _TAG.fullmatch(value)
        value = match[match.lastindex or 0] if match else OUTSIDE
    return fields[token or FORM], OUTSIDE if value == "_" else value


def check_tagged(sentences: Sequence[Sentence], path: Path) -> None:
    """Refuse a file whose column MISC has no tags.

    Raises:
        InputError: no word has NER= there.
    """
    if all(tag == OUTSIDE for sentence in sentences for tag in sentence.tags):
        raise InputError(
            f"{path}: a CoNLL-U file without NER= in its last column, MISC; set data.tag to the "
            f"column of the tags (3 for UPOS, 4 for XPOS)"
        )
