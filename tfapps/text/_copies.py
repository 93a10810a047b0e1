"""The words of a text that stand in for its unknown pieces."""

from __future__ import annotations

import unicodedata

import regex
import tokenizers

from tfapps.text import pipelines
from tfapps.text.words import ATTACHED

_MARKS = regex.compile(f"{ATTACHED}*+")


def of_pieces(inner: tokenizers.Tokenizer, text: str, unknown_id: int) -> list[str]:
    """Return the copy of each piece of a text, see `Tokenizer.words`."""
    # The library takes only the first letter of a composed character for its source.
    text = unicodedata.normalize("NFC", pipelines.clean(text))
    encoding = inner.encode(text, add_special_tokens=False)
    whole: dict[int, tuple[int, int]] = {}
    for word, (start, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
        first, last = whole.get(word, (start, end))
        whole[word] = min(first, start), max(last, end)
    numbered = zip(encoding.ids, encoding.word_ids, encoding.offsets, strict=True)
    if pipelines.kind_of(inner) in ("wordpiece", "words"):  # where an [UNK] is a whole word
        # A mark that the vocabulary is stripped of belongs to no piece.
        spans = [(whole[w][0], _MARKS.match(text, whole[w][1]).end()) for _, w, _ in numbered]
    else:
        spans = [own if number == unknown_id else whole[word] for number, word, own in numbered]
    return [text[start:end].strip() for start, end in spans] or [""]
