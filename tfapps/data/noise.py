"""Add typing errors to texts, or remove words."""

from __future__ import annotations

import numpy as np

from tfapps.text import words

KINDS = ("swap", "drop", "double", "change")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def mistyped(text: str, rate: float, random: np.random.Generator) -> str:
    """Swap letters with the next one, drop, double or change them, a share `rate` of all.

    A letter is moved or dropped with its accents and vowel signs: they are one key to who types.

    Example: `mistyped("where is my parcel", 0.1, np.random.default_rng(0))`.
    """
    letters = [text[start:end] for start, end in words.clusters(text)]
    out, place = [], 0
    while place < len(letters):
        letter = letters[place]
        place += 1
        if not letter[0].isalnum() or random.random() >= rate:
            out.append(letter)
            continue
        kind = KINDS[random.integers(len(KINDS))]
        if kind == "swap" and place < len(letters) and letters[place][0].isalnum():
            out += [letters[place], letter]
            place += 1
        elif kind == "double":
            out += [letter, letter]
        elif kind == "change":
            out.append(LETTERS[random.integers(len(LETTERS))])
        elif kind == "swap":
            out.append(letter)
    return "".join(out) or text


def thinned(text: str, rate: float, random: np.random.Generator) -> str:
    """Return `text` without a share `rate` of its words; at least one stays."""
    words = text.split()
    remaining = [word for word in words if random.random() >= rate]
    return " ".join(remaining or words[:1]) or text
