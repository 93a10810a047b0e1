"""Lines of text as questions to a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfapps.errors import InputError
from tfapps.text.lines import check_whole

if TYPE_CHECKING:
    from tfapps.config.sections import RunConfig

KEYS = ("text", "text_pair")
Question = str | tuple[str, str]  # a text, or a pair of texts
EXPECTED = 'the two texts with a tab between them, or {"text": "...", "text_pair": "..."}'


def reads_pairs(config: RunConfig) -> bool:
    """Whether a run was trained on pairs of texts."""
    return config.data_options.text_pair is not None


def question(line: str, paired: bool, place: str) -> Question:
    """Return what a line asks: itself, or of a run on pairs the two texts in it.

    Args:
        line: a text; of a run on pairs two texts around a tab, or a JSON object that has them.
        place: where the line comes from, for messages.

    Raises:
        InputError: no pair where one is needed, a JSON object with a pair where a single text is
            needed, or half of a surrogate pair.
    """
    check_whole(line, place)
    record = _record(line)
    if not paired:
        if record is not None and "text_pair" in record:
            raise InputError(
                f"{place}: got a pair of texts, but this run reads single texts; give one text"
            )
        return line
    pair = line.split("\t") if record is None else [record.get(key) for key in KEYS]
    if len(pair) != 2 or not all(isinstance(text, str) for text in pair):
        raise InputError(
            f"{place}: got {_short(line)}, but this run reads pairs of texts; expected {EXPECTED}"
        )
    first, second = (check_whole(text, place) for text in pair)
    return first, second


def asked(question: Question) -> dict[str, str]:
    """Return a question as it stands in an answer: `text`, and `text_pair` of a pair."""
    return dict(zip(KEYS, (question,) if isinstance(question, str) else question, strict=False))


def _record(line: str) -> dict[str, Any] | None:
    """The JSON object in a line, if it is one."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _short(line: str) -> str:
    return repr(line if len(line) <= 40 else f"{line[:37]}...")


def texts_of(rows: Sequence[Mapping[str, Any]]) -> list[str | tuple[str, str]]:
    """What a predictor is asked for the rows of a source: texts, or pairs of texts."""
    pair = "text_pair" in rows[0]
    return [(row["text"], row["text_pair"]) if pair else row["text"] for row in rows]


def examples_of(texts: Sequence[Question], paired: bool) -> list[dict[str, Any]]:
    """Return texts, or pairs of texts, as rows without a label.

    Raises:
        InputError: not a list of texts, both kinds mixed, or not the kind that the run reads.
    """
    if isinstance(texts, str):
        raise InputError("expected a list of texts, got one string; put it in a list")
    examples = []
    for i, text in enumerate(texts):
        pair = text if isinstance(text, tuple) else (text,)
        if len(pair) > 2 or not all(isinstance(part, str) for part in pair):
            raise InputError(
                f"text {i}: expected a string or a pair of strings, got {type(text).__name__}"
            )
        examples.append(asked(tuple(check_whole(part, f"text {i}") for part in pair)))
    if len({len(example) for example in examples}) > 1:
        raise InputError("texts and pairs of texts are mixed; give one kind at a time")
    if examples and ("text_pair" in examples[0]) != paired:
        wanted, got = ("pairs of texts", "single texts")[:: 1 if paired else -1]
        hint = '("...", "...") each' if paired else '"..." each'
        raise InputError(f"this run was trained on {wanted}, got {got}; expected {hint}")
    return [{**example, "label": None} for example in examples]
