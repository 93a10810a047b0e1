"""95 % intervals of a metric: how far it may move with other rows of the same kind.

`wilson` is for a share of rows. Other metrics are computed again for rows drawn with replacement,
as many as there are (the percentile bootstrap of Efron 1979, "Bootstrap Methods: Another Look at
the Jackknife"); the draws are the same every time. Rows are drawn whole: a sentence with all its
entities, a text with all its hidden words.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Interval = tuple[float, float]

Z = 1.959964  # two-sided 95 % of a normal distribution
DRAWS = 1000
SEED = 13


def wilson(right: float, rows: int) -> Interval | None:
    """Return the interval of a share of rows; None without rows.

    Source: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".

    Example:
        >>> wilson(9, 10)
        (0.5958..., 0.9821...)
    """
    if rows < 1:
        return None
    share, z2 = right / rows, Z * Z
    middle = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = Z * math.sqrt(share * (1 - share) / rows + z2 / (4 * rows * rows)) / (1 + z2 / rows)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(metric: Callable[[np.ndarray], float], rows: int) -> Interval | None:
    """Return the interval of any metric of rows.

    Args:
        metric: numbers of rows (rows,), some of them repeated -> the metric of these rows.
        rows: how many there are.

    Returns:
        None where every draw has the same metric, as of two rows or of perfect answers: draws
        then say nothing of what other rows would give.
    """
    if rows < 1:
        return None
    random = np.random.default_rng(SEED)
    values = [metric(random.integers(0, rows, rows)) for _ in range(DRAWS)]
    low, high = np.percentile(values, [2.5, 97.5])
    return None if low == high else (float(low), float(high))


def of_ratio(numerators: np.ndarray, denominators: np.ndarray) -> Interval | None:
    """Return the interval of a metric that is a sum over rows divided by another, such as F1.

    Args:
        numerators: (rows,).
        denominators: (rows,); where their sum is 0, so is the metric.
    """
    above, below = np.float64(numerators), np.float64(denominators)

    def metric(rows: np.ndarray) -> float:
        total = below[rows].sum()
        return above[rows].sum() / total if total else 0.0

    return bootstrap(metric, len(above))
