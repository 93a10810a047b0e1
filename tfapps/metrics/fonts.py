"""Fonts with the letters of a name, for pictures; a number for names without a font."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from tfapps.printable import plain

DEFAULT = "DejaVu Sans"  # comes with matplotlib
BOXES = "lastresort"  # fonts that draw every character as a box with its number


def drawable(names: Sequence[str]) -> list[str]:
    """Return the names as a picture can show them; `#3` for name number 3 if no font has it."""
    return [
        f"#{number}" if name is None else name
        for number, name in enumerate(map(visible_name, names))
    ]


def legend_text(names: Sequence[str]) -> str:
    """Return a line `#3 = name` for each name that `drawable` replaces by its number, or ''."""
    lines = [
        f"#{number} = {plain(name)}"
        for number, name in enumerate(names)
        if visible_name(name) is None
    ]
    if not lines:
        return ""
    return "\n".join(["\nnumbers in pictures, for names that no installed font has:", *lines, ""])


def families(names: Iterable[str]) -> list[str]:
    """Return the font families that draw names: the default one, and others for missing letters."""
    chosen = [DEFAULT]
    missing = set("".join(names)) - letters(DEFAULT)
    while missing:
        best = max(
            other_families(), key=lambda family: len(missing & letters(family)), default=DEFAULT
        )
        if not missing & letters(best):
            break
        chosen.append(best)
        missing -= letters(best)
    return chosen


@functools.cache
def visible_name(name: str) -> str | None:
    """Return a name without characters that need no glyph; None if no font has its letters."""
    text = "".join(letter for letter in plain(name) if not _ignorable(letter))
    available = set().union(*map(letters, families([text])))
    return text if set(text) <= available else None


def _ignorable(letter: str) -> bool:
    """Return whether a letter only joins others or selects how they look."""
    return unicodedata.category(letter) == "Cf" or "\ufe00" <= letter <= "\ufe0f"


def other_families() -> list[str]:
    """Return the installed families except the default one, sans-serif first."""
    from matplotlib.font_manager import fontManager

    names = {entry.name for entry in fontManager.ttflist} - {DEFAULT}
    names = {name for name in names if BOXES not in name.replace(" ", "").lower()}
    return sorted(names, key=lambda name: ("Sans" not in name, name))


@functools.cache
def letters(family: str) -> frozenset[str]:
    """Return the letters of the font file that matplotlib uses for a family; none if unreadable."""
    from matplotlib.font_manager import FontProperties, fontManager, get_font

    try:
        path = fontManager.findfont(FontProperties(family=[family]), fallback_to_default=False)
        font: Any = get_font(path)
        codes = font.get_charmap() if font.scalable else {}
    except (OSError, RuntimeError, ValueError):
        return frozenset()
    return frozenset(map(chr, codes))
