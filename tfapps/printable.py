"""Make text from data safe to show: on a terminal, in a picture, in markdown, as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any

# C0 and C1 controls command a terminal, bidirectional controls change the order of what stands
# around them, line separators end lines, and lone surrogates cannot be encoded. Joiners stay:
# emoji, Persian and Indic scripts are written with them.
_BIDIRECTIONAL = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSAFE = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{_BIDIRECTIONAL}\ud800-\udfff]")
_BLANKS = frozenset("\t\n\v\f\r\x85\u2028\u2029")
_MARKDOWN = re.compile(r"[\\`*{}\[\]#+!|]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def plain(text: str) -> str:
    r"""Return a text of one line that cannot command a terminal or reorder what is around it.

    Example:
        >>> plain("a\tb\x1b[2J")
        'a b\\x1b[2J'
    """
    return _UNSAFE.sub(lambda match: " " if match[0] in _BLANKS else _escaped(match[0]), text)


def markdown(text: str) -> str:
    r"""Return `plain` text that markdown shows as it is: no link, picture, markup or table cell.

    Example:
        >>> markdown("a|b <i>")
        'a\\|b &lt;i&gt;'
    """
    shown = _MARKDOWN.sub(lambda match: f"\\{match[0]}", " ".join(plain(text).split()))
    return escape(shown, quote=False)


def html(text: str) -> str:
    """Return a text that stands for itself in HTML, between tags and in attributes.

    Line ends stay, for text whose white space counts.
    """
    return escape("\n".join(map(plain, text.split("\n"))))


def shortened(names: Iterable[Any], most: int) -> str:
    """Return the first names, and `...` if there are more.

    Example:
        >>> shortened(["a", "b", "c"], 2)
        'a, b, ...'
    """
    names = list(names)
    return ", ".join([*map(str, names[:most]), *(["..."] if len(names) > most else [])])


def json_line(value: Any) -> str:
    """Return JSON of one line, in which everything unsafe is escaped and so stays exact."""
    line = json.dumps(value, ensure_ascii=False)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", line)


def _escaped(letter: str) -> str:
    number = ord(letter)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
