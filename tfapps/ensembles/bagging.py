"""Bagging: every member learns from rows drawn with replacement, probabilities averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfapps.ensembles import base
from tfapps.ensembles._members import Members, mean


class Config(Members):
    """Members differ by their rows and their seed (Breiman 1996), and by `variants`."""

    name: str = "bagging"


def member(config: Config, number: int, seed: int) -> dict[str, Any]:
    """What the run of a member sets, by key."""
    return {"seed": seed + number, "draw": {"bootstrap": number, "seed": seed}}


def combine(
    config: Config, told: Sequence[np.ndarray], learned: Mapping[str, Any], activation: str
) -> np.ndarray:
    """The members' logits (rows, c) -> the ensemble's."""
    return mean(told, activation)


class Ensemble(base.Ensemble):
    """What other packages ask of this file."""

    member = staticmethod(member)
    combine = staticmethod(combine)
