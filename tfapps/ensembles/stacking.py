"""Stacking: a small learner on what members say of rows that they never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from tfapps.ensembles._members import Members, mean, probabilities

TINY = 1e-6


class Config(Members):
    """Every member leaves another part of the rows out (Wolpert 1992, "Stacked generalization").

    What members say of the parts that they left out is what the learner, a logistic regression on
    log-probabilities, is shown. Afterwards it is given the mean of all members.

    Attributes:
        strength: inverse of its L2 penalty; smaller keeps it closer to the members' mean.
    """

    name: str = "stacking"
    strength: float = Field(0.1, gt=0)


def member(config: Config, number: int, seed: int) -> dict[str, Any]:
    """What the run of a member sets, by key."""
    return {"seed": seed + number, "draw": {"leave": number, "of": config.members, "seed": seed}}


def learn(config: Config, told: Sequence[np.ndarray], truth: np.ndarray) -> dict[str, Any]:
    """The learner's weights (c, c) and bias (c,).

    Args:
        told: the only entry has, for every row, the logits of the member that left it out.
        truth: (rows,) class numbers.
    """
    from sklearn.linear_model import LogisticRegression

    (logits,) = told
    classes = logits.shape[1]
    # It learns what to add to the members' own answer: at a strength near 0 that stays as it is.
    given = _entries(logits)
    learner = LogisticRegression(C=config.strength, max_iter=1000).fit(given, truth)
    kernel, bias = np.zeros((classes, classes)), np.full(classes, np.log(TINY))
    found = learner.coef_, learner.intercept_
    if classes == 2:  # scikit-learn keeps one row of the two
        found = [np.stack([-part[0] / 2, part[0] / 2]) for part in found]
    kernel[:, learner.classes_], bias[learner.classes_] = found[0].T, found[1]
    return {"kernel": kernel.tolist(), "bias": bias.tolist()}


def combine(
    config: Config, told: Sequence[np.ndarray], learned: Mapping[str, Any], activation: str
) -> np.ndarray:
    """The members' logits (rows, c) -> the learner's."""
    return _entries(mean(told, activation)) @ np.array(learned["kernel"]) + learned["bias"]


def _entries(logits: np.ndarray) -> np.ndarray:
    return np.log(probabilities(logits, "softmax") + TINY)
