"""Label names: spellings that look alike, or mean the same number, are one name."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

import regex

# These characters are invisible, but joiners decide how letters and emoji around them are drawn,
# and tags turn a black flag into that of a region. They are kept where they do that, joiners by
# the rule for domain names (RFC 5892, appendix A.1 and A.2) and in sequences of emoji. Variation
# selectors are removed: they select between pictures of one character.
_JOINERS, _TAGS = "\u200c\u200d", "\U000e0020-\U000e007f"
_IGNORABLE = regex.compile(rf"[\p{{Default_Ignorable_Code_Point}}--[{_JOINERS}{_TAGS}]]+", regex.V1)
_REPEATED = re.compile(f"([{_JOINERS}])\\1+")
_LOOSE = regex.compile(
    r"""(?:
        (?<=\p{ccc=Virama})\u200d
      | (?<=\p{ccc=Virama})\u200c(?=\p{L})
      | (?<=[\p{jt=L}\p{jt=D}]\p{jt=T}*)\u200c(?=\p{jt=T}*[\p{jt=R}\p{jt=D}])
      | (?<=\p{Extended_Pictographic}\p{Emoji_Modifier}?)\u200d(?=\p{Extended_Pictographic})
      | (?<=\U0001f3f4)[\U000e0020-\U000e007e]+\U000e007f
    )(*SKIP)(*FAIL)
    | [\u200c\u200d\U000e0020-\U000e007f]""",
    regex.VERBOSE,
)
_WHOLE = re.compile(r"(-?[0-9]+)\.0+")
SHOWN = 5


def clean(name: str) -> str:
    """Return a name in NFC, trimmed, without characters that have no visible effect.

    Joiners are kept where letters or emoji need them, for example in Persian. Inner white space of
    any kind and length becomes one blank.
    """
    if name.isascii():
        return " ".join(name.split())
    name, before = _IGNORABLE.sub("", name), ""
    while name != before:  # removing a joiner may compose letters or make new neighbours
        before = name
        name = _REPEATED.sub(r"\1", unicodedata.normalize("NFC", name))
        name = _LOOSE.sub("", name)
    return " ".join(name.split())


def normal(label: str) -> str:
    """Return the one spelling of a label: cleaned, and `1` where a program wrote `1.0`."""
    name = clean(label)
    number = _WHOLE.fullmatch(name)
    if number is None:
        return name
    return number[1] if number[1].strip("-0") else number[1].removeprefix("-")


class Spellings:
    """Normalises the labels of a file and counts their spellings."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

    def __call__(self, label: str) -> str:
        """Return the normal spelling of a label."""
        self._counts[label] += 1
        name = self._names.get(label)
        if name is None:
            name = self._names[label] = normal(label)
        return name

    def report(self, where: str) -> None:
        """Print one line if spellings of labels were changed."""
        totals: Counter[str] = Counter()
        for label, count in self._counts.items():
            totals[self._names[label]] += count
        other = [label for label in self._counts if self._names[label] != label.strip()]
        if not other:
            return
        lines = [
            f"{label.strip()!a} is {self._names[label]!r} "
            f"({self._counts[label]} of {totals[self._names[label]]} times)"
            for label in other[:SHOWN]
        ]
        more = f", and {len(other) - SHOWN} more" if len(other) > SHOWN else ""
        print(f"{where}: spellings of labels normalised: {', '.join(lines)}{more}")
