"""Answers as coloured text for a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from tfapps.printable import plain

COLOURS = (31, 32, 33, 34, 35, 36)  # of ANSI, those that can be read on black and on white
# Black on five strengths each, of the 256 colours: blue for an answer, orange against it.
FOR, AGAINST = (195, 153, 117, 75, 39), (230, 223, 222, 215, 208)
SHADE = "\033[38;5;16;48;5;{}m"
FAINT = 0.08  # of the largest score: less stays without colour
START, END = "\033[1;{}m", "\033[0m"


def enabled() -> bool:
    """Return whether standard output is a terminal that shows colours (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def entities(text: str, entities_found: Sequence[dict[str, Any]]) -> str:
    """Return the text with coloured entities, each followed by its label and score.

    Args:
        entities_found: entities by `start` and `end`, in order, as `predict` gives them.
    """
    parts, last = [], 0
    for entity in entities_found:
        colour = COLOURS[sum(entity["label"].encode()) % len(COLOURS)]
        parts.append(plain(text[last : entity["start"]]))
        name = plain(text[entity["start"] : entity["end"]])
        label = f" [{plain(entity['label'])} {entity['score']:.2f}]"
        parts.append(f"{START.format(colour)}{name}{END}{label}")
        last = entity["end"]
    return "".join([*parts, plain(text[last:])])


def explained(answer: dict[str, Any]) -> str:
    """Return a text with its words shaded by their scores, then label, probability and method.

    Args:
        answer: as `explain` gives it.
    """
    largest = max((abs(word["score"]) for word in answer["words"]), default=0.0)
    lines = []
    for key in ("text", "text_pair"):
        if key in answer:
            words = [word for word in answer["words"] if word.get("of", "text") == key]
            lines.append(_shaded(answer[key], words, largest))
    summary = f"[{plain(answer['label'])} {answer['score']:.2f}] delta {answer['delta']:.4f}"
    return "\n".join([*lines, summary])


def _shaded(text: str, words: Sequence[dict[str, Any]], largest: float) -> str:
    parts, last = [], 0
    for word in words:
        parts.append(plain(text[last : word["start"]]))
        name, share = plain(text[word["start"] : word["end"]]), abs(word["score"]) / (largest or 1)
        if share >= FAINT:
            shades = FOR if word["score"] > 0 else AGAINST
            shade = shades[min(int(share * len(shades)), len(shades) - 1)]
            name = f"{SHADE.format(shade)}{name}{END}"
        parts.append(name)
        last = word["end"]
    return "".join([*parts, plain(text[last:])])
