"""Text with marked names, `[PER Ada Brodin] left.`, to words and their tags."""

import re
from typing import NamedTuple

from tools.samples.news.names import Cast
from tools.samples.scripts import finish

OUTSIDE = "O"
WHOLE = "full"
BRIEF = ("last", "short")
_MARK = re.compile(r"\[([A-Z]+\d?)\.(\w+)\]")
_PIECE = re.compile(r"\[([A-Z]+) ([^\]]+)\]|([^\[]+)")
_WORD = re.compile(
    r"^\d+\.(?= )"  # 1. at the head of a line
    r"|\d+(?:[.,:-]\d+)*"  # 2-1, 1,100, 12:15.8
    r"|'s\b"
    r"|\w+(?:-\w+)*"
    r"|[^\w\s]"
)
_BRACKETS = str.maketrans("<>", "()")  # round ones mean alternatives in the grammar


class Word(NamedTuple):
    """A word and its tag in IOB2."""

    text: str
    tag: str


def slots(cast: Cast) -> dict[str, str]:
    """Return slots that leave a mark, `[PER2.last]`, for `spell`."""
    forms = ((key, form) for key, name in cast.items() for form in name)
    return {key if form == WHOLE else f"{key}.{form}": f"[{key}.{form}]" for key, form in forms}


def spell(marked: str, cast: Cast, mentioned: set[str]) -> str:
    """Put names for the marks; a brief form waits until the whole name has been said."""

    def name(mark: re.Match[str]) -> str:
        key, form = mark.groups()
        if form in BRIEF and key not in mentioned:
            form = WHOLE
        if form == WHOLE:
            mentioned.add(key)
        return cast[key][form]

    return _MARK.sub(name, marked)


def words(marked: str) -> tuple[Word, ...]:
    """Return the words of a sentence."""
    words_found: list[Word] = []
    for label, name, plain in _PIECE.findall(finish(marked.translate(_BRACKETS))):
        tags = (f"B-{label}", f"I-{label}")
        words_found += [Word(word, tags[place > 0]) for place, word in enumerate(name.split())]
        words_found += [Word(word, OUTSIDE) for word in _WORD.findall(plain)]
    return tuple(words_found)


def shout(sentence: tuple[Word, ...]) -> tuple[Word, ...]:
    """Return the sentence in capitals."""
    return tuple(Word(word.text.upper(), word.tag) for word in sentence)
