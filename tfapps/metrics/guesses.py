"""Metrics of guesses of hidden tokens, as `reduce` of the task returns them.

`truth` (rows, m), ids of hidden tokens, 0 for none; `best` (rows, m), the guesses; `log_prob`
(rows, m) of the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tfapps.metrics import intervals
from tfapps.printable import plain

SHOWN = 50


def scores(guesses: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return `accuracy` and `perplexity` of hidden tokens."""
    hidden = guesses["truth"] > 0
    right = (guesses["best"] == guesses["truth"])[hidden]
    loss = -float(guesses["log_prob"][hidden].mean(dtype=np.float64))
    return {"accuracy": float(right.mean()), "perplexity": float(np.exp(min(loss, 50)))}


def interval(guesses: Mapping[str, np.ndarray]) -> intervals.Interval | None:
    """Return the 95 % interval of `accuracy`, over rows drawn with all their hidden tokens."""
    hidden = guesses["truth"] > 0
    right = hidden & (guesses["best"] == guesses["truth"])
    return intervals.of_ratio(right.sum(axis=1), hidden.sum(axis=1))


def missed(guesses: Mapping[str, np.ndarray], pieces: Sequence[str]) -> list[str]:
    """Return lines of the pieces that were missed most."""
    hidden = guesses["truth"] > 0
    truth = guesses["truth"][hidden].astype(int)
    wrong = truth[(guesses["best"] != guesses["truth"])[hidden]]
    counts, of = (np.bincount(numbers, minlength=len(pieces)) for numbers in (wrong, truth))
    worst = np.argsort(-counts, kind="stable")[:SHOWN]
    rows = [f"{counts[i]:>6} {of[i]:>4}  {plain(pieces[i])}" for i in worst]
    return ["missed  of  piece", *rows]
