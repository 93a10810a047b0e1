"""Tokenizers trained on the texts of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tfapps.errors import InputError

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


def refuse_preset(model: str, text: TextConfig, kinds: str) -> None:
    """Check that the section does not ask for the tokenizer of a preset.

    Args:
        kinds: the allowed kinds, for the error message.

    Raises:
        InputError: it does.
    """
    if text.tokenizer == "preset":
        raise InputError(f"text.tokenizer: got preset, but {model} has none; expected {kinds}")
