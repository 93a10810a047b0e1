"""Tokenizers trained on the texts of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfapps.config.sections import TextConfig
    from tfapps.text.tokenizer import Tokenizer


def train(text: TextConfig, texts: Iterable[str | Sequence[str]], auto: str) -> Tokenizer:
    """Train the tokenizer that a text section describes.

    Args:
        auto: the kind used if the section says `auto`.
    """
    from tfapps.text.tokenizer import Tokenizer

    kind = auto if text.tokenizer == "auto" else text.tokenizer
    return Tokenizer.train(
        texts,
        kind,
        text.vocabulary_size,
        text.lowercase,
        text.min_frequency,
        text.strip_accents,
    )
