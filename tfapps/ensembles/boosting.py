"""Boosting: each member learns more from the rows that earlier members got wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfapps.ensembles import base
from tfapps.ensembles._members import Members, logits_of

LEAST = 1e-3  # lowest error rate: a member without errors would outvote all others


class Config(Members):
    """SAMME (Zhu et al. 2009, "Multi-class AdaBoost"), by drawing rows by their weight.

    Attributes:
        rate: weight of the errors; smaller learns more slowly.
    """

    name: str = "boosting"
    rate: float = 0.5


def member(config: Config, number: int, seed: int) -> dict[str, Any]:
    """Return the settings of a member by key; `rows` draws its rows."""
    return {"seed": seed + number}


def rows(
    config: Config, logits: Sequence[np.ndarray], truth: np.ndarray, seed: int
) -> list[int] | None:
    """Return the rows of the next member, drawn by the errors of earlier members; None is all.

    Args:
        logits: their logits (rows, c) on the training rows.
        truth: (rows,) class numbers.
    """
    if not logits:
        return None
    weights = _walk(config, logits, truth)[0]
    random = np.random.default_rng([seed, len(logits)])
    return sorted(random.choice(len(truth), len(truth), p=weights).tolist())


def learn(config: Config, logits: Sequence[np.ndarray], truth: np.ndarray) -> dict[str, Any]:
    """Return the weight of each member's vote."""
    return {"votes": _walk(config, logits, truth)[1]}


def combine(
    config: Config, logits: Sequence[np.ndarray], learned: Mapping[str, Any], activation: str
) -> np.ndarray:
    """Return the logits of the shares of the vote, from the members' logits (rows, c)."""
    votes = np.maximum(np.asarray(learned["votes"], np.float64), 0)
    votes = votes / votes.sum() if votes.sum() else np.full(len(logits), 1 / len(logits))
    shares = sum(
        vote * np.eye(scores.shape[1])[scores.argmax(axis=1)]
        for vote, scores in zip(votes, logits, strict=True)
    )
    return logits_of(shares, activation)


def _walk(
    config: Config, logits: Sequence[np.ndarray], truth: np.ndarray
) -> tuple[np.ndarray, list[float]]:
    """Return weights of the rows after all members (rows,), and of each member's vote."""
    weights, votes = np.full(len(truth), 1 / len(truth)), []
    for scores in logits:
        wrong = scores.argmax(axis=1) != truth
        error = float(np.clip(weights[wrong].sum(), LEAST, 1 - LEAST))
        vote = config.rate * (np.log((1 - error) / error) + np.log(max(scores.shape[1] - 1, 1)))
        votes.append(float(vote))
        weights = weights * np.exp(vote * wrong)
        weights /= weights.sum()
    return weights, votes


class Ensemble(base.Ensemble):
    """What other packages ask of this file."""

    learns = sequential = True
    member = staticmethod(member)
    rows = staticmethod(rows)
    learn = staticmethod(learn)
    combine = staticmethod(combine)
