"""What a vocabulary does not see of a word: upper and lower case, and the letters it is made of."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

CASES = 9  # numbers that `case_of` gives, 0 for what is no word
LETTERS = 256  # numbers that `letters_of` gives, 0 for none
LONGEST = 20  # letters looked at: of a longer word the first and the last ones
KEPT = 1 << 16  # words remembered: a server meets ever new ones
_PLAIN = 95  # printable letters of ASCII have numbers of their own, all others share the rest


@functools.lru_cache(KEPT)
def case_of(word: str) -> int:
    """Number the case and the digits of a word: `ann`, `Ann`, `ANN`, `McA`, `3.5`."""
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
    """Number the first `LONGEST` letters of a word, zeros behind those of a shorter one."""
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
    """Features of the words at each position, "" for no word: case_ids (t,), char_ids (t, l)."""
    return {
        name: [np.array([FEATURES[name](word) for word in row], np.int32) for row in rows]
        for name in names
    }


def of_texts(
    tokenizer: Any, texts: Sequence[str], pairs: Sequence[str] | None, tokens: Any
) -> dict[str, list[np.ndarray]]:
    """The features that a tokenizer's model reads beside the ids of texts, or of pairs.

    Args:
        tokens: what the tokenizer made of these texts.
    """
    if not tokenizer.surface:
        return {}
    rows = []
    for number, (ids, segments) in enumerate(
        zip(tokens.token_ids, tokens.segment_ids, strict=True)
    ):
        words = [[word for word in tokenizer.words(texts[number]) if word]]
        words += [[word for word in tokenizer.words(pairs[number]) if word]] if pairs else []
        left = [iter(some) for some in words]
        rows.append(
            [
                "" if i in tokenizer.special_ids else next(left[segment], "")
                for i, segment in zip(ids.tolist(), segments.tolist(), strict=True)
            ]
        )
    return columns(rows, tokenizer.surface)
