"""Entities as they are shown: with their places in the text, or on one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfapps.printable import markdown
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
    results = []
    for label, first, last in schemes.spans(tags):
        start, end = offsets[first][0], offsets[last - 1][1]
        score = round(float(shares[first:last].mean()), 4)
        entity = {"text": text[start:end], "label": label, "start": start, "end": end}
        results.append({**entity, "score": score})
    return results


def mistakes(
    sentences: Sequence[Sequence[str]],
    truth: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    limit: int,
) -> str:
    """Return a markdown table of the first sentences with a wrong entity.

    Args:
        sentences: words of each; `truth` and `predicted` are their tags.
        limit: most rows of the table.
    """
    lines = ["| text | truth | answer |", "| --- | --- | --- |"]
    for words, expected, answer in zip(sentences, truth, predicted, strict=True):
        if list(expected) != list(answer) and len(lines) < limit + 2:
            cells = (
                " ".join(words)[:200],
                entities_text(words, expected),
                entities_text(words, answer),
            )
            lines.append(f"| {' | '.join(map(markdown, cells))} |")
    return "\n".join(lines)


def entities_text(words: Sequence[str], tags: Sequence[str]) -> str:
    """Return the entities of a sentence on one line."""
    spans = schemes.spans(tags)
    return ", ".join(f"{' '.join(words[s.start : s.end])} ({s.label})" for s in spans)
