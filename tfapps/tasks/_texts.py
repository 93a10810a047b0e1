"""Texts, or pairs of texts, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfapps.errors import InputError
from tfapps.text import surface
from tfapps.text.columns import Table

Examples = Sequence[dict[str, Any]]
UNKNOWN = 0.5  # share of unknown pieces beyond which a text is in another script,
FEW = 4  # if there are so many; a name or a sign alone is copied


def reading(table: Table) -> dict[str, Any] | None:
    """Return the options of `data:` that name the columns of texts and labels.

    None for a table of tagged words.

    Raises:
        InputError: it cannot be decided which columns are meant.
    """
    if table.tagged or (table.lists() and not table.of_kind("text")):
        return None
    texts, pair = table.texts()
    names: dict[str, Any] = {"text": texts[0] if len(texts) == 1 else texts}
    if pair is not None:
        names["text_pair"] = pair
    return {**names, "label": table.label()}


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


def check_script(examples: Examples, token_ids: Sequence[np.ndarray], tokenizer: Any) -> None:
    """Refuse another script: of pairs all together, of texts to be answered each by itself.

    Raises:
        InputError: most of a text, or of all pairs, is in letters that the vocabulary lacks.
    """
    from tfapps.text.vocabulary import BLANK

    # The blank in front of a word is known whatever the word is.
    blank = tokenizer.vocabulary.get(BLANK, -1)
    texts = [ids[ids != blank] for ids in token_ids]
    paired = all(example.get("target") is not None for example in examples)
    subject = "the texts" if paired else "the text"
    rows = [np.concatenate(texts)] if paired else texts
    for example, pieces in zip(examples, rows, strict=False):
        unknown = pieces == tokenizer.unknown_id
        if unknown.sum() >= FEW and unknown.mean() > UNKNOWN:
            raise InputError(
                f"{unknown.mean():.0%} of the pieces of {subject} are unknown to the vocabulary"
                f" ({'the first is ' * paired}{example['text'][:40]!r}); expected the language "
                "and the script of the training texts"
            )
