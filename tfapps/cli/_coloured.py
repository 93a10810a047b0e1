"""Answers as coloured text for a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

COLOURS = (31, 32, 33, 34, 35, 36)  # of ANSI, those that can be read on black and on white
START, END = "\033[1;{}m", "\033[0m"


def wanted() -> bool:
    """Whether whoever reads is a terminal that shows colours (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def entities(text: str, found: Sequence[dict[str, Any]]) -> str:
    """The text with its entities in the colour of their label, label and score behind each.

    Args:
        found: entities by `start` and `end`, in order, as `predict` gives them.
    """
    parts, last = [], 0
    for entity in found:
        colour = COLOURS[sum(entity["label"].encode()) % len(COLOURS)]
        told = f" [{entity['label']} {entity['score']:.2f}]"
        parts.append(_plain(text[last : entity["start"]]))
        name = _plain(text[entity["start"] : entity["end"]])
        parts.append(f"{START.format(colour)}{name}{END}{told}")
        last = entity["end"]
    return "".join([*parts, _plain(text[last:])])


def _plain(text: str) -> str:
    """Text that cannot command the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
