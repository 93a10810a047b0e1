"""Stacking: a small model trained on members' predictions for rows that they never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from tfapps.ensembles import base
from tfapps.ensembles._members import Members, mean, probabilities

TINY = 1e-6


class Config(Members):
    """Each member leaves out another part of the rows (Wolpert 1992, "Stacked generalization").

    The learner, a logistic regression on log-probabilities, is trained on the members' predictions
    for the parts that they left out. It learns a correction to them, so its penalty pulls it toward
    the members' answer. For predictions it reads the mean of all members.

    Attributes:
        strength: inverse of its L2 penalty; smaller keeps it closer to the members' mean.
    """

    name: str = "stacking"
    strength: float = Field(0.01, gt=0)


def member(config: Config, number: int, seed: int) -> dict[str, Any]:
    """Return the settings of a member by key."""
    return {"seed": seed + number, "draw": {"leave": number, "of": config.members, "seed": seed}}


def learn(config: Config, logits: Sequence[np.ndarray], truth: np.ndarray) -> dict[str, Any]:
    """Return the learner's weights (c, c) and bias (c,).

    Args:
        logits: the only entry has, for every row, the logits of the member that left it out.
        truth: (rows,) class numbers.
    """
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    (scores,) = logits
    entries = _entries(scores)
    classes = entries.shape[1]
    right = np.eye(classes)[truth]

    def loss(both: np.ndarray) -> tuple[float, np.ndarray]:
        kernel, bias = np.split(both.reshape(classes + 1, classes), [classes])
        answer = entries + entries @ kernel + bias
        answer -= logsumexp(answer, axis=1, keepdims=True)
        value = np.sum(both**2) / (2 * config.strength) - np.sum(answer[right == 1])
        wrong = np.exp(answer) - right
        slope = np.concatenate([entries.T @ wrong, wrong.sum(0, keepdims=True)]).ravel()
        return value, slope + both / config.strength

    start = np.zeros((classes + 1) * classes)
    solution = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000}).x
    kernel, bias = np.split(solution.reshape(classes + 1, classes), [classes])
    return {"kernel": (np.eye(classes) + kernel).tolist(), "bias": bias[0].tolist()}


def combine(
    config: Config, logits: Sequence[np.ndarray], learned: Mapping[str, Any], activation: str
) -> np.ndarray:
    """Return the learner's logits, from the members' logits (rows, c)."""
    return _entries(mean(logits, activation)) @ np.array(learned["kernel"]) + learned["bias"]


def _entries(logits: np.ndarray) -> np.ndarray:
    return np.log(probabilities(logits, "softmax") + TINY)


class Ensemble(base.Ensemble):
    """What other packages ask of this file."""

    learns = True
    member = staticmethod(member)
    learn = staticmethod(learn)
    combine = staticmethod(combine)
