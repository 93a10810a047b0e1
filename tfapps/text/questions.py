"""Input lines of a run: texts, or pairs of texts."""

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
    """Return whether a run was trained on pairs of texts."""
    return config.data_options.text_pair is not None


def question(line: str, paired: bool, place: str) -> Question:
    """Return the input in a line: the text itself, or the two texts for a run on pairs.

    Args:
        line: a text; for a run on pairs two texts separated by a tab, or a JSON object with both.
        place: where the line comes from, for messages.

    Raises:
        InputError: a pair is missing, a JSON object has a pair where a single text is expected,
            or a lone surrogate.
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


def fields_of(question: Question) -> dict[str, str]:
    """Return a question as the fields of an answer: `text`, and `text_pair` for a pair."""
    return dict(zip(KEYS, (question,) if isinstance(question, str) else question, strict=False))


def _record(line: str) -> dict[str, Any] | None:
    """Return the JSON object in a line, or None."""
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
    """Return the inputs of a predictor for the rows of a source: texts, or pairs of texts."""
    pair = "text_pair" in rows[0]
    return [(row["text"], row["text_pair"]) if pair else row["text"] for row in rows]


def examples_of(texts: Sequence[Question], paired: bool) -> list[dict[str, Any]]:
    """Return texts, or pairs of texts, as rows without a label.

    Raises:
        InputError: not a list of texts, both kinds mixed, or not the kind of the run.
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
        examples.append(fields_of(tuple(check_whole(part, f"text {i}") for part in pair)))
    if len({len(example) for example in examples}) > 1:
        raise InputError("texts and pairs of texts are mixed; give one kind at a time")
    if examples and ("text_pair" in examples[0]) != paired:
        expected_kind, actual_kind = ("pairs of texts", "single texts")[:: 1 if paired else -1]
        hint = '("...", "...") each' if paired else '"..." each'
        raise InputError(
            f"this run was trained on {expected_kind}, got {actual_kind}; expected {hint}"
        )
    return [{**example, "label": None} for example in examples]
