"""Bayesian optimization: a model of past trials suggests the next one."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tfapps.search import base
from tfapps.search._search import Trials


class Config(Trials):
    """Tree-structured Parzen estimator (Bergstra et al. 2011, "TPE").

    Attributes:
        trials: how many.
        random: of these, drawn at random at the start; three for each dimension if left out.
    """

    name: str = "bayesian"
    trials: int = Field(20, ge=1, le=100_000)
    random: int | None = Field(None, ge=1)


class Search(base.Search):
    """What other packages ask of this file."""

    @staticmethod
    def sampler(config: Config, seed: int) -> Any:
        """Return the sampler of Optuna that draws new values."""
        from optuna.samplers import TPESampler

        return TPESampler(n_startup_trials=config.random or 3 * len(config.space), seed=seed)
