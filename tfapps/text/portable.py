"""A tokenizer that does all of the encoding by itself, for clients that have no tfapps."""

from __future__ import annotations

import json
from collections.abc import Sequence

import tokenizers
from tokenizers import processors

from tfapps.text.pipelines import PAD
from tfapps.text.tokenizer import Tokenizer

Frame = Sequence[int | None]
# Features, and the attributes of an encoding of the library that hold them.
FIELDS = {"token_ids": "ids", "padding_mask": "attention_mask", "segment_ids": "type_ids"}


def content(
    tokenizer: Tokenizer, frame: Frame, length: int, *, words: bool, vocabulary: bool
) -> bytes:
    """Return a `tokenizer.json` whose `encode` frames, cuts and pads as the input of a file needs.

    `FIELDS` says which attributes of its encodings are the features.

    Args:
        frame: the ids around a text, None in place of the text itself; see `Task.frame`.
        length: tokens of a row.
        words: texts are given as lists of words (`is_pretokenized=True`).
        vocabulary: False leaves it empty, for files that carry it elsewhere.
    """
    inner = tokenizers.Tokenizer.from_str(tokenizer.content().decode())
    inner.post_processor = _processor(tokenizer, frame)
    inner.enable_truncation(length)
    inner.enable_padding(length=length, pad_id=tokenizer.pad_id, pad_token=PAD)
    settings = json.loads(inner.to_str())
    if words and tokenizer.kind == "words":
        settings["pre_tokenizer"] = None  # a word that was given is one piece
    if not vocabulary:
        settings["model"]["vocab"] = {}
    return json.dumps(settings, ensure_ascii=False, separators=(",", ":")).encode()


def _processor(tokenizer: Tokenizer, frame: Frame) -> processors.TemplateProcessing:
    """Return what puts the special ids around a text, and around and between two."""
    place = list(frame).index(None)
    names = {f"[BEFORE_{i}]": number for i, number in enumerate(frame[:place])}
    behind = {f"[BEHIND_{i}]": number for i, number in enumerate(frame[place + 1 :])}
    specials = {**names, **behind, "[BETWEEN]": tokenizer.between_id}
    single = [*names, "$A", *behind]
    pair = [*(f"{name}:0" for name in names), "$A:0", "[BETWEEN]:0", "$B:1"]
    return processors.TemplateProcessing(
        single=single,
        pair=[*pair, *(f"{name}:1" for name in behind)],
        special_tokens=list(specials.items()),
    )
