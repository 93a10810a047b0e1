"""Draw training rows for `draw:`: a part of them, or some more than once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.bundle.bundle import read_json
from tfapps.data.splits import labels_of
from tfapps.errors import InputError


def drawn(draw: Any, rows: Any) -> Any:
    """Return the training rows that a `draw:` section selects; a pure function.

    Raises: InputError for rows that cannot be counted, a part that leaves none, or a bad file.
    """
    if draw is None:
        return rows
    if not isinstance(rows, list):
        raise InputError("draw: running text has no rows to draw; leave it out")
    numbers = numbers_of(draw, rows)
    if not len(numbers):
        raise InputError(f"draw: leaves none of {len(rows)} training rows")
    return [rows[number] for number in numbers]


def numbers_of(draw: Any, rows: Sequence[dict[str, Any]]) -> np.ndarray:
    """Return the numbers of the selected rows."""
    if draw.bootstrap is not None:
        return _bootstrap(rows, draw.seed, draw.bootstrap)
    if draw.leave is not None:
        return np.flatnonzero(folds(rows, draw.of, draw.seed) != draw.leave)
    return _of_file(Path(draw.file), len(rows))


def folds(rows: Sequence[dict[str, Any]], count: int, seed: int) -> np.ndarray:
    """Return the number (rows,) of the part that each row is in, stratified by label.

    A label that has all its rows in one part keeps the first of them out of every part, -1: who
    leaves that part out has still seen the label.
    """
    order = np.random.default_rng([seed, count]).permutation(len(rows))
    labels = np.array([str(row.get("label")) for row in rows])[order]
    parts = np.empty(len(rows), np.int64)
    parts[order[np.argsort(labels, kind="stable")]] = np.arange(len(rows)) % count
    holders: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        for label in labels_of(row):
            holders.setdefault(label, []).append(number)
    for numbers in holders.values():
        if len(set(parts[numbers].tolist())) == 1:
            parts[numbers[0]] = -1
    return parts


def with_every_label(numbers: np.ndarray, rows: Sequence[dict[str, Any]]) -> np.ndarray:
    """Return drawn row numbers, sorted, and one row more of each label that they would lose."""
    labels = [labels_of(row) for row in rows]
    missing = {label for row in labels for label in row}
    missing.difference_update(label for number in numbers for label in labels[number])
    added = []
    for number in range(len(rows)):
        if missing.intersection(labels[number]):
            missing.difference_update(labels[number])
            added.append(number)
    return np.sort(np.concatenate([numbers, np.array(added, np.int64)]))


def _bootstrap(rows: Sequence[dict[str, Any]], seed: int, number: int) -> np.ndarray:
    """Draw as many rows with replacement; a label that would be lost keeps one row."""
    random = np.random.default_rng([seed, number])
    numbers = random.integers(len(rows), size=len(rows))
    return with_every_label(numbers, rows)


def _of_file(path: Path, count: int) -> np.ndarray:
    numbers = np.array(read_json(path))
    if numbers.ndim != 1 or numbers.dtype.kind != "i":
        raise InputError(f"draw.file: {path} holds no list of whole numbers")
    if len(numbers) and not (numbers.min() >= 0 and numbers.max() < count):
        raise InputError(f"draw.file: {path} names rows beyond 0 to {count - 1}")
    return numbers
