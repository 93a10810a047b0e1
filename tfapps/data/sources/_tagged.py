"""Sentences of tagged words to examples: {"tokens", "tags", "document" if known}."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from tfapps.data.sources import _options
from tfapps.data.sources._examples import Example
from tfapps.errors import InputError
from tfapps.text import lines, tag_forms
from tfapps.text import tags as tagging
from tfapps.text.labels import Spellings

Scheme = Literal["auto", "iob1", "iob2", "bioes", "bare"]


class Tagged(_options.Encoded):
    """How tags are written; they are IOB2 in all examples.

    Attributes:
        scheme: `bioes` is BILOU, BMEWO and BMES as well; `bare` tags are labels alone.
    """

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
    """Return examples with tags in IOB2.

    Raises:
        InputError: half a character in a word or a tag, or a tag that cannot stand where it does.
    """
    for sentence in sentences:
        for place, token, tag in zip(sentence.places, sentence.tokens, sentence.tags, strict=True):
            lines.check_whole(token, f"{place}: word")
            lines.check_whole(tag, f"{place}: tag")
    form = tag_forms.detect((sentence.tags for sentence in sentences), config.scheme)
    if form.kind == "bare" and form.types > tag_forms.MOST_TYPES:
        raise InputError(
            f"{where}: {form.types} different tags without B- or I-; expected at most "
            f"{tag_forms.MOST_TYPES}; is this the column of the tags?"
        )
    if not form.usual:
        print(f"{where}: tags are {form.description}")
    spellings = Spellings()
    rewritten = [
        _placed(sentence, form.rewrite, sentence.tags, spellings) for sentence in sentences
    ]
    scheme = tagging.scheme_of(rewritten) if config.scheme == "auto" else config.scheme
    examples, mended = [], 0
    for sentence, written in zip(sentences, rewritten, strict=True):
        tags = _placed(sentence, tag_forms.to_iob2, written, form, scheme)
        mended += scheme == "iob2" and tags != written
        examples.append({"tokens": sentence.tokens, "tags": tags, **sentence.more})
    if mended:
        print(f"{where}: {mended} sentences with an I- that continues nothing, read as B-")
    spellings.report(where)
    return examples


def _placed(sentence: Sentence, convert: Any, *arguments: Any) -> list[str]:
    """Return what `convert` makes of the arguments; the place of a wrong tag joins its message."""
    try:
        return convert(*arguments)
    except tagging.TagError as error:
        raise InputError(f"{sentence.places[error.place]}: {error}") from None
