"""Part of the training rows, or some of them more than once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.bundle import read_json
from tfapps.errors import InputError


def drawn(draw: Any, rows: Any) -> Any:
    """The training rows that a `draw:` section names, a pure function of it and the rows.

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
    """Numbers of those rows."""
    if draw.bootstrap is not None:
        return _bootstrap(rows, draw.seed, draw.bootstrap)
    if draw.leave is not None:
        return np.flatnonzero(folds(rows, draw.of, draw.seed) != draw.leave)
    return _of_file(Path(draw.file), len(rows))


def folds(rows: Sequence[dict[str, Any]], count: int, seed: int) -> np.ndarray:
    """(rows,) which of `count` parts each row is in; parts have every label in its share."""
    order = np.random.default_rng([seed, count]).permutation(len(rows))
    labels = np.array([str(row.get("label")) for row in rows])[order]
    found = np.empty(len(rows), np.int64)
    found[order[np.argsort(labels, kind="stable")]] = np.arange(len(rows)) % count
    return found


def _bootstrap(rows: Sequence[dict[str, Any]], seed: int, number: int) -> np.ndarray:
    """As many rows, drawn with replacement; a label that would be lost keeps one row."""
    random = np.random.default_rng([seed, number])
    numbers = random.integers(len(rows), size=len(rows))
    labels = [str(row.get("label")) for row in rows]
    there = {labels[n] for n in numbers}
    first = {label: n for n, label in reversed(list(enumerate(labels)))}
    lost = [n for label, n in first.items() if label not in there]
    return np.sort(np.concatenate([numbers, np.array(lost, np.int64)]))


def _of_file(path: Path, count: int) -> np.ndarray:
    numbers = np.array(read_json(path))
    if numbers.ndim != 1 or numbers.dtype.kind != "i":
        raise InputError(f"draw.file: {path} holds no list of whole numbers")
    if len(numbers) and not (numbers.min() >= 0 and numbers.max() < count):
        raise InputError(f"draw.file: {path} names rows beyond 0 to {count - 1}")
    return numbers
