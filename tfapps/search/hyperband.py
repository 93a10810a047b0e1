"""Hyperband: many short trainings, and of the best of them longer ones."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from tfapps.search import base
from tfapps.search._search import Trials

# The worst there is: where one is left out, KerasTuner waits for it and lets no other go on.
FAILED = -math.inf


class Config(Trials):
    """Brackets of successive halving up to `train.epochs` (Li et al. 2018, "Hyperband").

    A trial that may go on is trained from the start with more epochs, not from its weights: the
    schedule of the learning rate spans all epochs, so a longer training is another one from its
    first step, and what is found trains as if written by hand.

    Attributes:
        trials: stop after so many; None is all of the brackets.
        factor: of so many trials one goes on, with so many times the epochs.
        rounds: how often to go through all brackets.
    """

    name: str = "hyperband"
    trials: int | None = Field(None, ge=1)
    factor: int = Field(3, ge=2, le=100)
    rounds: int = Field(1, ge=1, le=1000)


def problems(config: Config, train: Any) -> list[str]:
    """It sets the epochs, and needs enough of them to have something to cut short."""
    found = []
    if "train.epochs" in config.space:
        found.append("search.space.train.epochs: hyperband sets it itself; leave it out")
    if train.epochs < config.factor:
        found.append(
            f"search.factor: got {config.factor}, expected at most train.epochs, {train.epochs}: "
            "no trial could be shorter"
        )
    return found


def oracle(config: Config, epochs: int, **common: Any) -> Any:
    """KerasTuner's oracle."""
    from keras_tuner import oracles

    made = oracles.HyperbandOracle(
        max_epochs=epochs, factor=config.factor, hyperband_iterations=config.rounds, **common
    )
    made.max_trials = config.trials
    return made


def total(config: Config, oracle: Any) -> int:
    """How many trials there will be at most."""
    # KerasTuner has the sizes, rounded in its own way, behind underscores only.
    there = config.rounds * sum(
        oracle._get_size(bracket, number)
        for bracket in range(oracle._get_num_brackets())
        for number in range(oracle._get_num_rounds(bracket))
    )
    return min(there, config.trials or there)


class Search(base.Search):
    """What other packages ask of this file."""

    failed = FAILED
    problems = staticmethod(problems)
    oracle = staticmethod(oracle)
    total = staticmethod(total)
