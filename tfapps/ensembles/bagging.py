"""Bagging: every member learns from rows drawn with replacement, probabilities averaged."""

from __future__ import annotations

from typing import Any

from tfapps.ensembles import base
from tfapps.ensembles._members import Members


class Config(Members):
    """Members differ by their rows and their seed (Breiman 1996), and by `variants`."""

    name: str = "bagging"


def member(config: Config, number: int, seed: int) -> dict[str, Any]:
    """Return the settings of a member by key."""
    return {"seed": seed + number, "draw": {"bootstrap": number, "seed": seed}}


class Ensemble(base.Ensemble):
    """What other packages ask of this file."""

    member = staticmethod(member)
