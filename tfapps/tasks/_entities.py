"""Entities as they are told: with their places in the text, or on one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfapps.text import tags as schemes


def answers(
    text: str, offsets: Sequence[Sequence[int]], tags: Sequence[str], shares: np.ndarray
) -> list[dict[str, Any]]:
    """Return `{"text", "label", "start", "end", "score"}` an entity.

    Args:
        offsets: where each word stands in the text, [start, end).
        tags: of each word, IOB2.
        shares: probability of each tag, (words,); the score is their mean over the entity.
    """
    found = []
    for label, first, last in schemes.spans(tags):
        start, end = offsets[first][0], offsets[last - 1][1]
        score = round(float(shares[first:last].mean()), 4)
        entity = {"text": text[start:end], "label": label, "start": start, "end": end}
        found.append({**entity, "score": score})
    return found


def told(tokens: Sequence[str], tags: Sequence[str]) -> str:
    """Return the entities of a sentence as a cell of a markdown table."""
    spans = schemes.spans(tags)
    return cell(", ".join(f"{' '.join(tokens[s.start : s.end])} ({s.label})" for s in spans))


def cell(text: str) -> str:
    """Return a text that ends no cell."""
    return text.replace("|", r"\|")
