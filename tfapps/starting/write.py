"""Writes a choice: the YAML of a config with comments, and the lines that say what was seen."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tfapps.data import files
from tfapps.printable import plain, shortened
from tfapps.starting.choose import MB, Choice
from tfapps.starting.look import SHARE

_ENCODINGS = {"cp1252": "CP1252 (Windows)"}
_DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
_FEW = 10  # rows of a label, below which it is hard to learn
_SHOWN = 5


def name_of(data: str) -> str:
    """Return the name of a run for a data file: its stem in letters, digits, `_` and `-`."""
    stem = Path(files.plain_name(data)).stem
    letters = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_-]+", "_", letters).strip("_")[:100] or "my_run"


def config(
    choice: Choice,
    command: str,
    file: str,
    name: str | None = None,
    max_mb: float | None = None,
) -> str:
    """Return the YAML of a config.

    Args:
        choice: what is in it.
        command: that writes it, for its first lines.
        file: its name.
        name: of the run, where that of the file is none.
        max_mb: the most that the file to ship may weigh, if it is asked for.
    """
    sections, look = choice.sections, choice.look
    data = [(key, value, _ABOUT_DATA.get(key, "")) for key, value in look.data.items()]
    lines = [
        f"# tfapps run {file}",
        *_comments(
            f"Written by `{command}`: a start, to be edited. `tfapps inspect {file}` shows every "
            "value with its default, `tfapps list --keys` says what each means."
        ),
        *([_pairs({"name": name})] if name else []),
        f"task: {{{_pairs(sections['task'])}}}{_comment(_answers(choice))}",
        "data:",
        *(f"  {_pairs({key: value})}{_comment(about)}" for key, value, about in data),
        *_comments(f"{_sentence(choice.point.about)} Texts have {_lengths(choice)}."),
        f"model: {{{_pairs(sections['model'])}}}",
        *([f"text: {{{_pairs(sections['text'])}}}"] if sections["text"] else []),
        *_comments(_minutes(choice)),
        f"train: {{{_pairs(sections['train'])}}}",
    ]
    if sections["compress"]:
        lines += _comments(
            "Keeps the vocabulary entries that the training rows use (at least `min_count` times), "
            "and the most similar others up to `size`, which new texts may need."
        )
        lines += ["compress:", *(f"  - {{{_pairs(item)}}}" for item in sections["compress"])]
    lines += [*_comments(_size(choice)), f"export: [{', '.join(sections['export'])}]"]
    if max_mb is not None:
        lines.append(
            f"gate: {{max_mb: {max_mb:g}}}  # a run fails if none of its files is as small"
        )
    return "\n".join(lines) + "\n"


def summary(choice: Choice, max_mb: float) -> list[str]:
    """Return what was seen and chosen, a line each."""
    look = choice.look
    options = look.looked.options
    written = [
        f"separated by {_DELIMITERS.get(mark, mark)}" for mark in [options.get("delimiter")] if mark
    ]
    written += [_ENCODINGS.get(name, name) for name in [options.get("encoding")] if name]
    lines = [
        f"{look.path}: {look.source}{''.join(f', {part}' for part in written)}, "
        f"{len(choice.rows):,} {look.looked.rows}",
        f"columns: {_columns(choice)}",
        f"texts: {choice.language}, {_lengths(choice)}",
        f"task: {look.task}; {_answers(choice)}",
        f"splits: {_percent(1 - 2 * SHARE)} to train on, {_percent(SHARE)} (dev) to choose the "
        f"best epoch, {_percent(SHARE)} (test) for the final figure",
        f"model: {choice.sections['model'].get('preset') or choice.sections['model']['name']}, "
        f"{choice.point.about}",
        *(f"  not chosen: {reason}" for reason in choice.passed_over),
        f"training: {_minutes(choice)}",
        f"file: {_size(choice)}; the limit is {max_mb:g} MB",
    ]
    return [plain(line) for line in lines]


_ABOUT_DATA = {
    "dev": "share of the rows that chooses the best epoch",
    "test": "share of the rows for the final figure; nothing is chosen by it",
    "encoding": "of the file; without it UTF-8 is expected",
}


def _columns(choice: Choice) -> str:
    look = choice.look
    if look.looked.tagged:
        return "words and their tags"
    left_out = [str(look.table.columns[name]) for name in look.left_out]
    left_out += [f"{look.looked.unnamed} without a name"] if look.looked.unnamed else []
    read = ", ".join(f"{key} {value}" for key, value in _read(choice).items())
    return read + (f"; left out: {', '.join(left_out)}" if left_out else "")


def _read(choice: Choice) -> Mapping[str, str]:
    keys = ("text", "text_pair", "label", "tokens", "tags", "languages")
    data = {key: value for key, value in choice.look.data.items() if key in keys}
    mark = " to " if "languages" in data else " + "
    return {k: mark.join(v) if isinstance(v, list) else v for k, v in data.items()}


def _answers(choice: Choice) -> str:
    """Return what there is to answer: labels and how often they occur, numbers, entities."""
    counts = choice.labels
    if counts and choice.task.classifies:
        (most, rows), *_, (least, few) = counts.most_common()
        share = _percent(rows / len(choice.rows))
        rare = sum(count < _FEW for count in counts.values())
        text = f"{len(counts)} labels, from {rows:,} rows ({most}, {share}) to {few:,} ({least})"
        return text + (f"; {rare} of them with fewer than {_FEW} rows" if rare else "")
    if choice.task.tags_words:
        return f"entities: {shortened(choice.task.labels, _SHOWN)}"
    if "label" in choice.rows[0]:
        numbers = sorted(float(row["label"]) for row in choice.rows)
        middle = numbers[len(numbers) // 2]
        return f"numbers from {numbers[0]:g} to {numbers[-1]:g}, half of them up to {middle:g}"
    return " to ".join(choice.look.data.get("languages", []))


def _lengths(choice: Choice) -> str:
    mean = float(choice.measures.lengths.mean())
    cut = 1 - choice.whole
    ending = f", which cuts {_percent(cut)} of them" if cut else ""
    return f"{mean:.0f} word pieces on average, up to {choice.max_length} are read{ending}"


def _minutes(choice: Choice) -> str:
    train = choice.sections["train"]
    minutes = max(1, round(choice.seconds / 60))
    trained = round(len(choice.rows) * (1 - 2 * SHARE))
    return (
        f"{train['epochs']} epochs over {trained:,} {choice.look.looked.rows}, about {minutes} "
        f"{'minute' if minutes == 1 else 'minutes'} on 2 CPU cores, export and checks included"
    )


def _size(choice: Choice) -> str:
    weights = choice.weights
    entries = choice.measures.entries
    return (
        f"About {choice.size / MB:.1f} MB: one byte for each weight, {weights.others / MB:.1f} "
        f"million and {weights.entry} for each of {entries:,} vocabulary entries"
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _percent(share: float) -> str:
    if share >= 0.01:
        return f"{100 * share:.0f} %"
    return f"{100 * share:.1f} %" if share >= 0.001 else "less than 0.1 %"


def _pairs(values: Mapping[str, Any]) -> str:
    """Return a mapping in one line, without its braces."""
    options = {"default_flow_style": True, "width": 10**6, "allow_unicode": True}
    return yaml.safe_dump(dict(values), sort_keys=False, **options).strip()[1:-1]


def _comments(text: str) -> list[str]:
    """Return a text as comments of their own lines."""
    lines = textwrap.wrap(plain(text), 98, break_long_words=False, break_on_hyphens=False)
    return [f"# {line}" for line in lines]


def _comment(text: str) -> str:
    return f"  # {plain(text)}" if text else ""
