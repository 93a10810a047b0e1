"""Hyperband: many short trainings, and of the best of them longer ones."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from tfapps.search import base
from tfapps.search._search import Trials
from tfapps.search.base import Rung


class Config(Trials):
    """Brackets of successive halving up to `train.epochs` (Li et al. 2018, "Hyperband").

    A promoted trial is trained from the start with more epochs, not from its weights: the schedule
    of the learning rate spans all epochs, so a longer training is a different one from its first
    step, and the best config trains as if written by hand.

    Attributes:
        trials: stop after so many; None is all of the brackets.
        factor: of so many trials one is promoted, with so many times the epochs.
        rounds: how often to go through all brackets.
    """

    name: str = "hyperband"
    trials: int | None = Field(None, ge=1)
    factor: int = Field(3, ge=2, le=100)
    rounds: int = Field(1, ge=1, le=1000)


class Search(base.Search):
    """What other packages ask of this file."""

    @staticmethod
    def problems(config: Config, train: Any) -> list[str]:
        """Check that epochs are left to the search, and that there are enough to cut short."""
        lines = []
        if "train.epochs" in config.space:
            lines.append("search.space.train.epochs: hyperband sets it itself; leave it out")
        if train.epochs < config.factor:
            lines.append(
                f"search.factor: got {config.factor}, expected at most train.epochs, "
                f"{train.epochs}: no trial could be shorter"
            )
        return lines

    @staticmethod
    def brackets(config: Config, epochs: int) -> list[list[Rung]]:
        """Return those of Li et al., the one with the shortest trainings first."""
        factor, most = config.factor, 0
        while factor ** (most + 1) <= epochs:
            most += 1
        brackets = []
        for promotions in range(most, -1, -1):
            trials = math.ceil((most + 1) * factor**promotions / (promotions + 1))
            rungs = [
                Rung(trials // factor**i, math.ceil(epochs / factor ** (promotions - i)))
                for i in range(promotions + 1)
            ]
            brackets.append(rungs)
        return brackets * config.rounds
