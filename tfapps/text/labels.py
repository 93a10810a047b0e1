"""Names of labels: spellings that look alike, or mean the same number, are one name."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

# Default_Ignorable_Code_Point of Unicode 16: characters that are not seen.
_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
_WHOLE = re.compile(r"(-?[0-9]+)\.0+")
SHOWN = 5


def clean(name: str) -> str:
    """Return a name in NFC, trimmed, without characters that are not seen.

    Inner white space of any kind and length is one blank.
    """
    if name.isascii():
        return " ".join(name.split())
    return " ".join(unicodedata.normalize("NFC", _IGNORABLE.sub("", name)).split())


def normal(label: str) -> str:
    """Return the one spelling of a label: cleaned, and `1` where a program wrote `1.0`."""
    name = clean(label)
    whole = _WHOLE.fullmatch(name)
    if whole is None:
        return name
    return whole[1] if whole[1].strip("-0") else whole[1].removeprefix("-")


class Spellings:
    """Normalises the labels of a file and counts in which spellings they came."""

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
        """Print one line if labels were written in another way than they are read."""
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
