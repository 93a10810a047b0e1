"""Sentences of words as windows that fit a model, and the answers for the words joined again.

A window is an example of its own: `tokens` it shows, `own` ones [start, end) it has to answer for,
`places` of their first pieces among the ids, `tags` of them where they are known, and the number
of its `sentence`. Every word of a sentence is the own word of one window.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfapps.errors import InputError
from tfapps.text import surface
from tfapps.text import words as splitting

Example = Mapping[str, Any]
Window = dict[str, Any]
OVERLAP = 4  # a window shares this part of its room with the one before
PASSED_ON = ("label", "text")


def cut(
    examples: Sequence[Example], tokenizer: Any, max_length: int, *, unit: str, context: int
) -> list[Window]:
    """Cut all sentences into windows, in order; no word is lost, however long a sentence is.

    Args:
        examples: with `tokens` (and `tags`), or with a plain `text`; those of one `document` stand
            next to each other.
        unit: to split a text, see `tfapps.text.words`.
        context: pieces of the sentences before and behind it, of the same document, that a
            sentence is shown with where there is room.

    Raises:
        InputError: no room for a word.
    """
    room = max_length - tokenizer.frame_size
    if room < 2:
        raise InputError(f"max_length {max_length} is too small for words with what is around them")
    sentences = [_split(example, unit) for example in examples]
    lengths = [
        [min(len(ids), room) for ids in tokenizer.pieces_of(sentence["tokens"])]
        for sentence in sentences
    ]
    windows = []
    for number, sentence in enumerate(sentences):
        for window in _windows(sentence, lengths[number], room):
            window["sentence"] = number
            free = room - sum(lengths[number])
            if context and free > 0:  # it is a window of its own
                _widen(window, number, sentences, lengths, free, context)
            windows.append(window)
    for window in windows:
        window["places"] = _places(window, tokenizer, room)
    return windows


def columns(windows: Sequence[Window], tokenizer: Any, max_length: int) -> dict[str, Any]:
    """Return ragged columns of windows: token_ids, segment_ids (t,), the tokenizer's surface."""
    room = max_length - tokenizer.frame_size
    nothing = np.array([tokenizer.unknown_id], np.int32)
    token_ids, rows = [], []
    for window in windows:
        pieces = [word[:room] for word in tokenizer.pieces_of(window["tokens"])] or [nothing]
        ids, first = tokenizer.framed(np.concatenate(pieces))
        pairs = zip(window["tokens"] or [""], pieces, strict=True)
        words = [word for word, of_word in pairs for _ in of_word]
        token_ids.append(ids)
        rows.append([*[""] * first, *words, *[""] * (len(ids) - first - len(words))])
    surface_columns = surface.columns(rows, tokenizer.surface)
    return {
        "token_ids": token_ids,
        "segment_ids": [np.zeros_like(ids) for ids in token_ids],
        **surface_columns,
    }


def stitched(windows: Sequence[Window], rows: Sequence[np.ndarray]) -> list[list[Any]]:
    """Join `rows`, one for each window, per sentence."""
    sentences: list[list[Any]] = []
    last = None
    for window, row in zip(windows, rows, strict=True):
        if window["sentence"] != last:
            sentences.append([])
            last = window["sentence"]
        sentences[-1].extend(row)
    return sentences


def sentences(windows: Sequence[Window]) -> list[list[str]]:
    """Return the words of each sentence."""
    return stitched(windows, [window["tokens"][slice(*window["own"])] for window in windows])


def texts(windows: Sequence[Window]) -> list[tuple[str, list[list[int]]]]:
    """Return the text of each sentence and where its words stand in it, [start, end) characters."""
    spans = stitched(windows, [window.get("spans", ()) for window in windows])
    text_of = {window["sentence"]: window.get("text") for window in windows}
    joined = []
    for words, places, text in zip(sentences(windows), spans, text_of.values(), strict=True):
        if text is None:
            text, ends = " ".join(words), np.cumsum([len(word) + 1 for word in words]) - 1
            places = [[int(e) - len(word), int(e)] for word, e in zip(words, ends, strict=True)]
        joined.append((text, places))
    return joined


def _split(example: Example, unit: str) -> dict[str, Any]:
    if "tokens" in example:
        return dict(example)
    words = splitting.split(example["text"], unit)
    spans = [[word.start, word.end] for word in words]
    return {**example, "tokens": [word.text for word in words], "spans": spans}


def _windows(sentence: dict[str, Any], lengths: Sequence[int], room: int) -> list[Window]:
    """Cut a sentence into windows of as many words as fit; overlaps are shared half and half."""
    ranges = _ranges(lengths, room)
    borders = [0]
    for (_, end), (start, _) in itertools.pairwise(ranges):
        borders.append((start + end) // 2)
    borders.append(len(lengths))
    windows = []
    for (start, end), (first, last) in zip(ranges, itertools.pairwise(borders), strict=True):
        window = {key: sentence[key] for key in PASSED_ON if key in sentence}
        window |= {"tokens": sentence["tokens"][start:end], "own": [first - start, last - start]}
        for key in ("tags", "spans"):
            if sentence.get(key) is not None:
                window[key] = sentence[key][first:last]
        windows.append(window)
    return windows


def _ranges(lengths: Sequence[int], room: int) -> list[tuple[int, int]]:
    ranges, start = [], 0
    while True:
        end, used = start, 0
        while end < len(lengths) and used + lengths[end] <= room:
            used += lengths[end]
            end += 1
        ranges.append((start, end))
        if end >= len(lengths):
            return ranges
        # Back from the end as far as the overlap reaches, but never to where this one started.
        before, shared = end, 0
        while before - 1 > start and shared + lengths[before - 1] <= room // OVERLAP:
            before -= 1
            shared += lengths[before]
        start = before


def _widen(
    window: Window,
    number: int,
    sentences: Sequence[Mapping[str, Any]],
    lengths: Sequence[Sequence[int]],
    free: int,
    context: int,
) -> None:
    """Show whole words of the neighbouring sentences of the document, `context` pieces a side."""
    document = sentences[number].get("document")
    if document is None:
        return

    def beside(step: int, most: int) -> list[str]:
        """Return the words next to the sentence, the nearest first."""
        nearest: list[str] = []
        at = number + step
        while 0 <= at < len(sentences) and sentences[at].get("document") == document:
            for word, pieces in list(zip(sentences[at]["tokens"], lengths[at], strict=True))[
                ::step
            ]:
                most -= pieces
                if most < 0:
                    return nearest
                nearest.append(word)
            at += step
        return nearest

    before = beside(-1, min(context, free // 2))[::-1]
    behind = beside(1, min(context, free - free // 2))
    start, end = window["own"]
    window["tokens"] = [*before, *window["tokens"], *behind]
    window["own"] = [start + len(before), end + len(before)]


def _places(window: Window, tokenizer: Any, room: int) -> list[int]:
    counts = [min(len(pieces), room) for pieces in tokenizer.pieces_of(window["tokens"])]
    first = tokenizer.framed(np.zeros(0, np.int32))[1]
    starts = first + np.concatenate([[0], np.cumsum(counts, dtype=int)])[:-1]
    start, end = window["own"]
    return starts[start:end].astype(int).tolist()
