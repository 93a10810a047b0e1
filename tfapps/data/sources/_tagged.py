"""Sentences of tagged words to examples: {"tokens", "tags", "document" where there are such}."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from tfapps.config import Section
from tfapps.data.sources._examples import Example
from tfapps.errors import InputError
from tfapps.text import tags as tagging

Scheme = Literal["auto", "iob1", "iob2", "bioes"]


class Tagged(Section):
    """How tags are written; they are IOB2 in all examples."""

    scheme: Scheme = "auto"


class Sentence(NamedTuple):
    """Words and their tags as they were read; `places` tells where each is, for messages.

    Attributes:
        more: further keys of the example.
    """

    tokens: list[str]
    tags: list[str]
    places: Sequence[str]
    more: dict[str, Any]


def build(config: Tagged, sentences: Sequence[Sentence], where: str) -> list[Example]:
    """Examples with tags in IOB2.

    Raises:
        InputError: a tag that cannot stand where it does.
    """
    scheme = "iob2" if config.scheme == "auto" else config.scheme
    if config.scheme == "auto":
        with contextlib.suppress(tagging.TagError):  # said with its place by what converts it
            scheme = tagging.scheme_of(sentence.tags for sentence in sentences)
    examples, mended = [], 0
    for sentence in sentences:
        try:
            tags = tagging.to_iob2(sentence.tags, scheme)
        except tagging.TagError as error:
            raise InputError(f"{sentence.places[error.place]}: {error}") from None
        mended += scheme == "iob2" and tags != sentence.tags
        examples.append({"tokens": sentence.tokens, "tags": tags, **sentence.more})
    if mended:
        print(f"{where}: {mended} sentences with an I- that continues nothing, read as B-")
    return examples
