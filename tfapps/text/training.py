"""Trains a tokenizer pipeline on texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import tokenizers

from tfapps.errors import InputError
from tfapps.text import pipelines, vocabulary
from tfapps.text.pipelines import KINDS, SPECIALS


def learn(
    texts: Iterable[str | Sequence[str]],
    kind: str,
    vocabulary_size: int,
    lowercase: bool | None,
    min_frequency: int,
    strip_accents: bool,
) -> tokenizers.Tokenizer:
    """Train the vocabulary of a kind on `texts` and return its pipeline, see `Tokenizer.train`.

    Raises:
        InputError: unknown kind, no text, or no room for a vocabulary; for `bpe` also more room
            than the texts can fill.
    """
    if kind not in KINDS:
        raise InputError(f"unknown tokenizer {kind!r}: expected one of {', '.join(KINDS)}")
    specials = SPECIALS[kind]
    if vocabulary_size <= len(specials):
        raise InputError(
            f"vocabulary_size {vocabulary_size} is too small: "
            f"{kind} has {len(specials)} special tokens, and text needs room too"
        )
    lowercase = kind != "bpe" if lowercase is None else lowercase
    merges: list[tuple[str, str]] = []
    numbers = {token: i for i, token in enumerate(specials)}
    blank = pipelines.assemble(kind, numbers, lowercase, strip_accents)
    counts: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for text in texts:
        if isinstance(text, str):
            counts.update(vocabulary.parts(blank, pipelines.clean(text)))
        else:
            words.update(map(pipelines.clean, text))
    counts += vocabulary.count(blank, words, keep_whole=kind == "words")
    if not counts:
        raise InputError(f"cannot train a {kind} tokenizer: no text was given")
    if kind == "wordpiece":
        token_ids = vocabulary.wordpiece(counts, specials, vocabulary_size, min_frequency)
    elif kind == "bpe":
        token_ids, merges = vocabulary.bpe(counts, specials, vocabulary_size, min_frequency)
    else:
        ranked = vocabulary.ranked(counts, min_frequency)[: vocabulary_size - len(specials)]
        token_ids = {token: i for i, token in enumerate([*specials, *ranked])}
    return pipelines.assemble(kind, token_ids, lowercase, strip_accents, merges)
