"""Texts, or pairs of texts, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfapps.text import surface

Examples = Sequence[dict[str, Any]]


def all_texts(examples: Examples) -> list[str]:
    """Return all texts, those of pairs one after the other."""
    return [e[key] for e in examples for key in ("text", "text_pair") if key in e]


def encode(examples: Examples, tokenizer: Any, max_length: int) -> tuple[dict[str, Any], int]:
    """Encode `text`, and `text_pair` if examples have it.

    Returns:
        token_ids and segment_ids, one ragged (t,) int32 a row, and the tokenizer's `surface`; and
        the number of truncated texts.
    """
    pairs = [e["text_pair"] for e in examples] if "text_pair" in examples[0] else None
    texts = [e["text"] for e in examples]
    tokens = tokenizer.encode(texts, pairs, max_length=max_length)
    columns: dict[str, Any] = surface.of_texts(tokenizer, texts, pairs, tokens)
    columns |= {"token_ids": tokens.token_ids, "segment_ids": tokens.segment_ids}
    return columns, tokens.truncated
