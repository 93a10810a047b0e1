"""Random search: every trial is drawn by itself."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tfapps.search import base
from tfapps.search._search import Trials


class Config(Trials):
    """Draws without looking back (Bergstra & Bengio 2012, "Random Search").

    Attributes:
        trials: how many; fewer if a space of choices has no more.
    """

    name: str = "random"
    trials: int = Field(20, ge=1, le=100_000)


def oracle(config: Config, epochs: int, **common: Any) -> Any:
    """KerasTuner's oracle."""
    from keras_tuner import oracles

    return oracles.RandomSearchOracle(max_trials=config.trials, **common)


def total(config: Config, oracle: Any) -> int:
    """How many trials there will be at most."""
    return config.trials


class Search(base.Search):
    """What other packages ask of this file."""

    oracle = staticmethod(oracle)
    total = staticmethod(total)
