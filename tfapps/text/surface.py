"""Features of a word that a vocabulary lacks: its case and its letters."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

CASES = 9  # numbers that `case_of` returns, 0 for no word
LETTERS = 256  # numbers that `letters_of` returns, 0 for no letter
LONGEST = 20  # most letters of a word; of longer ones the first and the last
KEPT = 1 << 16  # words cached: a server reads ever new ones
_PLAIN = 95  # printable ASCII letters have their own numbers, all others share the rest


@functools.lru_cache(KEPT)
def case_of(word: str) -> int:
    """Return a number for the case and digits of a word: `ann`, `Ann`, `ANN`, `McA`, `3.5`."""
    word = unicodedata.normalize("NFC", word)
    digits = sum(letter.isdigit() for letter in word)
    if not word:
        return 0
    if digits:
        return 1 if digits == len(word) else 2 if 2 * digits > len(word) else 3
    if not any(letter.isalpha() for letter in word):
        return 4
    if word.islower():
        return 5
    if word.isupper():
        return 6 if len(word) > 1 else 7
    return 7 if word[0].isupper() and word[1:].islower() else 8


@functools.lru_cache(KEPT)
def letters_of(word: str) -> tuple[int, ...]:
    """Return numbers of at most `LONGEST` letters of a word, padded with zeros."""
    word = unicodedata.normalize("NFC", word)
    if len(word) > LONGEST:
        word = word[: LONGEST // 2] + word[-(LONGEST // 2) :]
    numbers = [_number(ord(letter)) for letter in word]
    return (*numbers, *[0] * (LONGEST - len(numbers)))


def _number(code: int) -> int:
    if 32 <= code < 32 + _PLAIN:
        return code - 31
    return 1 + _PLAIN + code % (LETTERS - _PLAIN - 1)


FEATURES = {"case_ids": case_of, "char_ids": letters_of}


def columns(rows: Sequence[Sequence[str]], names: Sequence[str]) -> dict[str, list[np.ndarray]]:
    """Return features of words by position, "" for no word: case_ids (t,), char_ids (t, l)."""
    return {
        name: [np.array([FEATURES[name](word) for word in row], np.int32) for row in rows]
        for name in names
    }


def of_texts(
    tokenizer: Any, texts: Sequence[str], pairs: Sequence[str] | None, tokens: Any
) -> dict[str, list[np.ndarray]]:
    """Return the features of texts, or pairs, that the model reads besides ids.

    Args:
        tokens: these texts as encoded by the tokenizer.
    """
    if not tokenizer.surface:
        return {}
    rows = []
    for number, (ids, segments) in enumerate(
        zip(tokens.token_ids, tokens.segment_ids, strict=True)
    ):
        words = [[word for word in tokenizer.words(texts[number]) if word]]
        words += [[word for word in tokenizer.words(pairs[number]) if word]] if pairs else []
        remaining = [iter(row) for row in words]
        rows.append(
            [
                "" if i in tokenizer.special_ids else next(remaining[segment], "")
                for i, segment in zip(ids.tolist(), segments.tolist(), strict=True)
            ]
        )
    return columns(rows, tokenizer.surface)
