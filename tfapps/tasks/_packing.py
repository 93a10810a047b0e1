"""Sentences of documents as rows for a language model: alone, or as two parts that belong together.

A row never goes beyond its document, but for a second part that is meant to be a stranger's.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

Ids = np.ndarray
Sentences = Sequence[Ids]


class Pair(NamedTuple):
    """Two parts of a row; `label` 1 says that the second follows the first."""

    first: Ids
    second: Ids
    label: int


def packed(document: Sentences, room: int) -> list[Ids]:
    """Pack as many whole sentences as fit end to end; cut only one that alone is too long."""
    parts = _cut(document, room)
    rows = []
    while parts:
        count = _fitting(parts, room)
        rows.append(np.concatenate(parts[:count]))
        parts = parts[count:]
    return rows


def joined(parts: Sequence[Ids], between: int) -> Ids:
    """Join parts with an id between any two, int32."""
    ids = [[*part, between] for part in parts[:-1]]
    return np.concatenate([*ids, parts[-1]]).astype(np.int32)


def rows(
    documents: Sequence[Sequence[str]], tokenizer: Any, max_length: int, pairs: str
) -> list[tuple[Ids, Ids, int]]:
    """Return (ids, segments, label) of each row; the label is 0 without `pairs`."""
    ids_of = [tokenizer.ids(list(document)) for document in documents]
    room = max_length - tokenizer.frame_size
    if pairs == "none":
        packed_rows = (row for document in ids_of for row in packed(document, room))
        framed = [tokenizer.framed(row)[0].astype(np.int32) for row in packed_rows]
        return [(ids, np.zeros_like(ids), 0) for ids in framed]
    # Drawn from the text: the same documents always give the same pairs.
    generator = np.random.default_rng(zlib.crc32(documents[0][0].encode()))
    if pairs == "next":
        sampled = followed(ids_of, room - 1, generator)
    else:
        sampled = [pair for document in ids_of for pair in ordered(document, room - 1, generator)]
    return [(*tokenizer.paired(*pair[:2], room - 1)[:2], pair.label) for pair in sampled]


def followed(
    documents: Sequence[Sentences], room: int, generator: np.random.Generator
) -> list[Pair]:
    """Pair parts: half are followed by the next part of the document, half by another's.

    Source: Devlin et al. 2019, "BERT", next-sentence prediction. Sentences that a stranger took the
    place of start the next pair.
    """
    halves = [half for document in documents if (half := _cut(document, room // 2))]
    pairs: list[Pair] = []
    following = 0
    for number, document in enumerate(halves):
        parts = document
        while parts:
            count = _fitting(parts, room)
            split = int(generator.integers(1, count)) if count > 1 else 1
            first = np.concatenate(parts[:split])
            # Whichever there is less of so far: a last sentence has no choice.
            if count > 1 and (len(halves) == 1 or 2 * following <= len(pairs)):
                pairs.append(Pair(first, np.concatenate(parts[split:count]), 1))
                following += 1
                parts = parts[count:]
                continue
            if len(halves) > 1:
                other = _another(halves, number, generator)
                start = int(generator.integers(0, len(other)))
                second = np.concatenate(other[start:])[: room - len(first)]
                pairs.append(Pair(first, second, 0))
            parts = parts[split:]
    return pairs


def ordered(document: Sentences, room: int, generator: np.random.Generator) -> list[Pair]:
    """Pair neighbours, every second pair swapped.

    Source: Lan et al. 2020, "ALBERT", sentence-order prediction.
    """
    parts = _cut(document, room // 2)
    pairs = []
    while len(parts) > 1:
        count = _fitting(parts, room)
        split = int(generator.integers(1, count))
        pair = np.concatenate(parts[:split]), np.concatenate(parts[split:count])
        label = int(generator.integers(0, 2))
        pairs.append(Pair(*(pair if label else pair[::-1]), label))
        parts = parts[count:]
    return pairs


def _cut(document: Sentences, most: int) -> list[Ids]:
    """Return the sentences, those of more ids than `most` cut into pieces."""
    return [s[start : start + most] for s in document for start in range(0, len(s), most)]


def _fitting(parts: Sentences, room: int) -> int:
    """Return how many of the parts fit, at least one."""
    ends = np.cumsum([len(part) for part in parts])
    return max(int(np.searchsorted(ends, room, side="right")), 1)


def _another(
    documents: Sequence[Sentences], number: int, generator: np.random.Generator
) -> Sentences:
    """Draw any document but this one."""
    other = int(generator.integers(0, len(documents) - 1))
    return documents[other + (other >= number)]
