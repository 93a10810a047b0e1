"""Labels of rows: those of an example, their order, and the errors where they do not fit."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tfapps.errors import InputError
from tfapps.printable import shortened
from tfapps.registry import nearest
from tfapps.tasks import _texts
from tfapps.text.columns import MARKS, Reading, Table
from tfapps.text.labels import normal

SHOWN = 8


def reading(table: Table) -> Reading | None:
    """Return the columns of texts and labels, and whether a row may have several labels.

    Raises:
        InputError: it cannot be decided which columns are meant.
    """
    columns = _texts.reading(table)
    if columns is None:
        return None
    labels = table.columns[columns["label"]]
    if labels.kind == "numbers":
        return Reading(0.3, columns)
    if labels.kind == "lists":
        return Reading(0.8, columns, {"multi_label": True})
    mark = separator(labels.counts)
    if mark is None:
        return Reading(0.8, columns)
    return Reading(0.8, {**columns, "label_separator": mark}, {"multi_label": True})


def check_seen(labels: Iterable[str], known: Sequence[str], noun: str = "label") -> None:
    """Refuse labels that are not known.

    Raises:
        InputError: naming the first, how many there are, and the nearest that is known.
    """
    unseen = sorted(set(labels) - numbered(known).keys())
    if not unseen:
        return
    near = nearest(unseen[0], known)
    hint = f"; did you mean {near!r}{_difference(unseen[0], near)}?" if near else "."
    raise InputError(
        f"{noun} {unseen[0]!r} was never seen in training ({len(unseen)} such {noun}(s)); expected "
        f"one of {shortened(known, SHOWN)}{hint} Correct the file, or add such rows to the "
        "training data"
    )


def numbered(names: Sequence[str]) -> dict[str, int]:
    """Return the number of each label under its normal spelling, in which labels are read.

    Runs of earlier versions may have others.
    """
    return {normal(name): number for number, name in enumerate(names)}


def encoded(
    examples: Sequence[Mapping[str, Any]], labels: Sequence[str], multi_label: bool, *, drop: bool
) -> np.ndarray:
    """Return the labels of examples as numbers (rows,), or multi-label as 0 and 1 (rows, c).

    Args:
        drop: leave labels out that are not known, in place of an error.

    Raises:
        InputError: a label that is not known.
    """
    numbers, rows = numbered(labels), [of_example(each, multi_label) for each in examples]
    if drop:
        rows = [[label for label in row if label in numbers] for row in rows]
    check_seen((label for row in rows for label in row), labels)
    if not multi_label:
        return np.array([numbers[row[0]] for row in rows], np.int32)
    hot = np.zeros((len(rows), len(labels)), np.float32)
    for index, row in enumerate(rows):
        hot[index, [numbers[label] for label in row]] = 1.0
    return hot


def check_separated(labels: Iterable[str]) -> None:
    """Refuse labels of a multi-label task that are several in one text.

    Raises:
        InputError: parts of such labels occur again; naming the separator.
    """
    every = set(labels)
    mark = separator(every)
    if mark is not None:
        joined = min(label for label in every if mark in label)
        raise InputError(
            f"label {joined!r} looks like several labels; set data.label_separator: {mark!r}, or "
            "to what no label holds if it is one"
        )


def separator(labels: Iterable[str]) -> str | None:
    """Return what separates several labels in one text: parts of such texts occur again."""
    every = set(labels)
    for mark in MARKS:
        joined = [label for label in every if mark in label]
        parts = Counter(part for label in joined for part in {*map(normal, label.split(mark))})
        if any(part in every or count > 1 for part, count in parts.items()):
            return mark
    return None


def _difference(label: str, near: str) -> str:
    """Return what tells apart two labels that look alike in two scripts; else ""."""
    pairs = [pair for pair in zip(label, near, strict=False) if pair[0] != pair[1]]
    if len(label) != len(near) or len(pairs) == 0:
        return ""
    own_script, other = (unicodedata.name(letter, "") for letter in pairs[0])
    if not (own_script and other) or own_script.split()[0] == other.split()[0]:
        return ""
    return f" (with {other} where this has {own_script})"


def of_example(example: Mapping[str, Any], multi_label: bool) -> list[str]:
    """Return the labels of an example.

    Raises:
        InputError: a list where the task takes one label a text.
    """
    label = example["label"]
    if isinstance(label, str):
        return [label]
    if multi_label:
        return list(label)
    raise InputError(
        f"label is a list ({label}) and the task takes one label a text; "
        "set task.multi_label: true, or give a column with one label"
    )


def natural(label: str) -> tuple[int, float, str]:
    """Return what labels are sorted by: numbers as numbers, before names."""
    return (0, int(label), "") if label.isdecimal() else (1, 0.0, label)
