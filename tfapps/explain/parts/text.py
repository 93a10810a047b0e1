"""A text as explainers take it: its words, the pieces of each, and the text without some words."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import regex

from tfapps.features.feature import Feature
from tfapps.features.padding import pad
from tfapps.text import words as splitting

KEYS = ("text", "text_pair")
# Written without blanks, and one piece each to most tokenizers: a line of them is no single word.
_IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
_PART = regex.compile(f"[{_IDEOGRAPHS}]{splitting.ATTACHED}*+|[^{_IDEOGRAPHS}]+")
# What a model reads that is no feature of a word by itself.
_OF_PLACES = ("token_ids", "padding_mask", "segment_ids")


class Word(NamedTuple):
    """A word of an example: `example[key][start:end]`."""

    text: str
    start: int
    end: int
    key: str


class Text(NamedTuple):
    """One example, without padding.

    Attributes:
        features: what the model reads of it, {name: (1, t, ...)}.
        words: those that have pieces; what was cut off has none.
        word_of: number of the word that each piece belongs to, -1 for special ones, (t,).
        blank: id of the piece that says nothing: [MASK] where the task and its vocabulary have a
            use for it, else [UNK].
        pads: what stands in place of padding, by name; 0 where it has no entry.
    """

    features: dict[str, np.ndarray]
    words: list[Word]
    word_of: np.ndarray
    blank: int
    pads: Mapping[str, int | float] = MappingProxyType({})


def read(
    example: Mapping[str, Any],
    task: Any,
    tokenizer: Any,
    features: Sequence[Feature],
    max_length: int,
) -> tuple[Text, bool]:
    """Encode an example as its task does; return whether it was truncated as well.

    Args:
        example: `text`, and `text_pair` of a pair.
        features: that the model reads.
    """
    columns, truncated = task.encode([example], tokenizer, max_length)
    ids = columns["token_ids"][0]
    unit = "characters" if tokenizer.kind == "characters" else "words"
    words: list[Word] = []
    word_of = np.full(len(ids), -1)
    keys = [key for key in KEYS if key in example]
    for key, pieces in zip(keys, task.places(columns, tokenizer), strict=False):
        text = example[key]
        spans, numbers = split(text, tokenizer.spans(text), unit)
        places = pieces[: len(numbers)]
        kept = numbers[: len(places)]
        word_of[places] = np.where(kept < 0, -1, kept + len(words))
        words += [Word(text[start:end], start, end, key) for start, end in spans]
    seen = np.unique(word_of[word_of >= 0])
    word_of = np.where(word_of < 0, -1, np.searchsorted(seen, word_of))
    shown = [words[number] for number in seen]
    pads = {feature.name: feature.pad for feature in features}
    row = pad(features, columns)
    return Text(row, shown, word_of, task.blank(tokenizer), pads), bool(truncated)


def split(
    text: str, spans: Sequence[tuple[int, int]], unit: str
) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Return the words of a text as [start, end), and each piece's word number, -1 for none.

    Words that share a piece are one.

    Args:
        spans: characters [start, end) that each piece stands for.
        unit: see `tfapps.text.words`.
    """
    parts = [
        (word.start + part.start(), word.start + part.end())
        for word in splitting.split(text, unit)
        for part in _PART.finditer(word.text)
    ]
    at = np.full(len(text), -1)
    for number, (start, end) in enumerate(parts):
        at[start:end] = number
    joined = np.zeros(len(parts), bool)  # to the one before
    first = np.full(len(spans), -1)
    for piece, (start, end) in enumerate(spans):
        word_numbers = at[start:end][at[start:end] >= 0]
        if len(word_numbers):
            first[piece] = word_numbers[0]
            joined[word_numbers[0] + 1 : word_numbers[-1] + 1] = True
    group = np.cumsum(~joined) - 1
    borders = [*np.flatnonzero(~joined), len(parts)]
    words = [
        (parts[one][0], parts[next_one - 1][1]) for one, next_one in itertools.pairwise(borders)
    ]
    return words, np.array([-1 if part < 0 else group[part] for part in first], int)


def blanked(text: Text, hidden: np.ndarray) -> dict[str, np.ndarray]:
    """Return features with a blank in place of each piece of the hidden words.

    Shapes: hidden (n, words) of booleans -> {name: (n, t, ...)}.
    """
    hidden_pieces = _pieces(text, hidden)
    columns = {}
    for name, column in text.features.items():
        rows = np.repeat(column, len(hidden), axis=0)
        if name == "token_ids":
            rows[hidden_pieces] = text.blank
        elif name not in _OF_PLACES:
            rows[hidden_pieces] = text.pads.get(name, 0)
        columns[name] = rows
    return columns


def removed(text: Text, hidden: np.ndarray) -> dict[str, np.ndarray]:
    """Return features of the text without the hidden words.

    Shapes: hidden (n, words) of booleans -> {name: (n, t, ...)}, padded to the length of the text.
    """
    hidden_pieces = _pieces(text, hidden)
    order = np.argsort(hidden_pieces, axis=1, kind="stable")  # those that stay, then the others
    kept_count = (~hidden_pieces).sum(axis=1, keepdims=True)
    # A row without any token has no mean: one that says nothing stays.
    real = np.arange(hidden_pieces.shape[1]) < np.maximum(kept_count, 1)
    columns = {}
    for name, column in text.features.items():
        rows = column[0][order]
        rows[~real] = empty = text.pads.get(name, 0)
        if name not in _OF_PLACES:
            rows[kept_count[:, 0] == 0] = empty
        columns[name] = rows
    columns["token_ids"][kept_count[:, 0] == 0, 0] = text.blank
    columns["padding_mask"] = real.astype(np.int32)
    return columns


def _pieces(text: Text, hidden: np.ndarray) -> np.ndarray:
    """Return which pieces belong to hidden words: (n, words) -> (n, t)."""
    beside = np.zeros((len(hidden), 1), bool)  # what -1 points to
    return np.concatenate([hidden, beside], axis=1)[:, text.word_of]
