"""Texts as people mistype them, and with words missing."""

from __future__ import annotations

import numpy as np

KINDS = ("swap", "drop", "double", "change")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def mistyped(text: str, rate: float, random: np.random.Generator) -> str:
    """`text` with a share `rate` of its letters swapped with the next, dropped, doubled or changed.

    Example: `mistyped("where is my parcel", 0.1, np.random.default_rng(0))`.
    """
    out, place = [], 0
    while place < len(text):
        letter = text[place]
        place += 1
        if not letter.isalnum() or random.random() >= rate:
            out.append(letter)
            continue
        kind = KINDS[random.integers(len(KINDS))]
        if kind == "swap" and place < len(text) and text[place].isalnum():
            out += [text[place], letter]
            place += 1
        elif kind == "double":
            out += [letter, letter]
        elif kind == "change":
            out.append(LETTERS[random.integers(len(LETTERS))])
        elif kind == "swap":
            out.append(letter)
    return "".join(out) or text


def thinned(text: str, rate: float, random: np.random.Generator) -> str:
    """`text` without a share `rate` of its words; one stays in any case."""
    words = text.split()
    kept = [word for word in words if random.random() >= rate]
    return " ".join(kept or words[:1]) or text
