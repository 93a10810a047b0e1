"""Which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfapps.printable import plain


class Confusion(NamedTuple):
    """Rows of one class that were taken for another.

    Attributes:
        true, predicted: numbers of the classes.
        count: rows.
        share: of the rows of the true class.
    """

    true: int
    predicted: int
    count: int
    share: float


def confusions(matrix: np.ndarray, limit: int = 20) -> list[Confusion]:
    """Return the pairs of classes that are confused most, the most rows first.

    Args:
        matrix: (c, c) rows by true class and predicted class.
        limit: most pairs.
    """
    wrong, rows = matrix.copy(), matrix.sum(axis=1)
    np.fill_diagonal(wrong, 0)
    pairs = [
        Confusion(int(i), int(j), int(wrong[i, j]), float(wrong[i, j] / rows[i]))
        for i, j in np.argwhere(wrong > 0)
    ]
    return sorted(pairs, key=lambda pair: (-pair.count, -pair.share))[:limit]


def confusions_text(truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str]) -> str:
    """Return `confusions` as readable text, a pair a line; empty if no row is wrong."""
    matrix = np.zeros((len(labels), len(labels)), int)
    np.add.at(matrix, (truth, predicted), 1)
    pairs = confusions(matrix)
    if not pairs:
        return ""
    lines = ["", "confused most: rows, their share of the true class, true -> predicted"]
    lines += [
        f"{pair.count:>5} {pair.share:>6.1%}  {plain(labels[pair.true])} -> "
        f"{plain(labels[pair.predicted])}"
        for pair in pairs
    ]
    return "\n".join(lines) + "\n"
