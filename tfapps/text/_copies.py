"""The words of a text that replace its unknown pieces."""

from __future__ import annotations

import unicodedata

import regex
import tokenizers

from tfapps.text import pipelines
from tfapps.text.words import ATTACHED

_MARKS = regex.compile(f"{ATTACHED}*+")


def of_pieces(inner: tokenizers.Tokenizer, text: str, unknown_id: int) -> list[str]:
    """Return the copy of each piece of a text, see `Tokenizer.words`."""
    # The library maps a composed character only to its first letter.
    text = unicodedata.normalize("NFC", pipelines.clean(text))
    encoding = inner.encode(text, add_special_tokens=False)
    word_spans: dict[int, tuple[int, int]] = {}
    for word, (start, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
        first, last = word_spans.get(word, (start, end))
        word_spans[word] = min(first, start), max(last, end)
    numbered = zip(encoding.ids, encoding.word_ids, encoding.offsets, strict=True)
    if pipelines.kind_of(inner) in ("wordpiece", "words"):  # an [UNK] is a whole word
        # A mark that the vocabulary is stripped of belongs to no piece.
        spans = [
            (word_spans[w][0], _MARKS.match(text, word_spans[w][1]).end()) for _, w, _ in numbered
        ]
    else:
        spans = [
            own if number == unknown_id else word_spans[word] for number, word, own in numbered
        ]
    return [text[start:end].strip() for start, end in spans] or [""]
