"""Soft voting: averages the probabilities of runs from different seeds."""

from __future__ import annotations

from typing import Any

from tfapps.ensembles import base
from tfapps.ensembles._members import Members


class Config(Members):
    """Members differ by their seed, and by `variants`."""

    name: str = "voting"


def member(config: Config, number: int, seed: int) -> dict[str, Any]:
    """Return the settings of a member by key."""
    return {"seed": seed + number}


class Ensemble(base.Ensemble):
    """What other packages ask of this file."""

    member = staticmethod(member)
