"""Bayesian optimization: a Gaussian process over past trials says where the next one pays."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tfapps.search import base
from tfapps.search._search import Trials


class Config(Trials):
    """Upper confidence bounds of a Gaussian process (Srinivas et al. 2010, "GP-UCB").

    Attributes:
        trials: how many.
        random: of these, drawn at random at the start; three for each dimension if left out.
        beta: how much doubt counts: the higher, the more it tries where little is known.
    """

    name: str = "bayesian"
    trials: int = Field(20, ge=1, le=100_000)
    random: int | None = Field(None, ge=1)
    beta: float = Field(2.6, ge=0)


def oracle(config: Config, epochs: int, **common: Any) -> Any:
    """KerasTuner's oracle."""
    from keras_tuner import oracles

    return oracles.BayesianOptimizationOracle(
        max_trials=config.trials, num_initial_points=config.random, beta=config.beta, **common
    )


def total(config: Config, oracle: Any) -> int:
    """How many trials there will be at most."""
    return config.trials


class Search(base.Search):
    """What other packages ask of this file."""

    oracle = staticmethod(oracle)
    total = staticmethod(total)
