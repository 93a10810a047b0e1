"""Model soup: averages the weights of several runs with the same initial weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from tfapps.ensembles import base
from tfapps.ensembles._members import Members

Weights = dict[str, np.ndarray]


class Config(Members):
    """Members differ in the order of their rows only (Wortsman et al. 2022, "Model soups").

    Attributes:
        recipe: `uniform` averages all members, `greedy` starts from the best and adds another if
            the dev metric does not fall.
    """

    name: str = "soup"
    recipe: Literal["uniform", "greedy"] = "uniform"


def member(config: Config, number: int, seed: int) -> dict[str, Any]:
    """Return the settings of a member by key: the order of rows, not the seed of its weights."""
    return {"train.order_seed": seed + number}


def cook(
    config: Config,
    members: Sequence[Weights],
    figures: Sequence[float],
    judge: Callable[[Weights], float],
) -> tuple[Weights, list[int]]:
    """Return the averaged weights, and the numbers of the members in them.

    Args:
        members: weights of every member, by path.
        figures: its dev metric.
        judge: weights -> dev metric.
    """
    if config.recipe == "uniform":
        return averaged(members), list(range(len(members)))
    order = sorted(range(len(members)), key=lambda number: -figures[number])
    chosen, best = order[:1], figures[order[0]]
    for number in order[1:]:
        value = judge(averaged([members[n] for n in [*chosen, number]]))
        if value >= best:
            chosen, best = [*chosen, number], value
    return averaged([members[number] for number in chosen]), sorted(chosen)


def averaged(members: Sequence[Weights]) -> Weights:
    """Return the mean of weights by path; integers are taken from the first member."""
    means = {}
    for path, first in members[0].items():
        if np.issubdtype(first.dtype, np.floating):
            total = sum(weights[path].astype(np.float64) for weights in members)
            means[path] = (total / len(members)).astype(first.dtype)
        else:
            means[path] = first
    return means


class Ensemble(base.Ensemble):
    """What other packages ask of this file."""

    averages_weights = True
    member = staticmethod(member)
    cook = staticmethod(cook)
