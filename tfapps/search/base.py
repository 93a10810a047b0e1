"""The contract of a search: every hook that other packages ask for.

A file of this folder holds a `Config(Trials)` and a class `Search`, a subclass of the one here.
"""

from __future__ import annotations

from abc import ABC
from typing import Any, NamedTuple


class Rung(NamedTuple):
    """Trials of equal length; in all rungs of a bracket but the first, the best of the one before.

    Attributes:
        trials: how many.
        epochs: of each; None for `train.epochs` as the config has it.
    """

    trials: int
    epochs: int | None = None


class Search(ABC):  # noqa: B024  every hook has a default
    """How the values of the next trial are chosen; never instantiated."""

    @staticmethod
    def problems(config: Any, train: Any) -> list[str]:
        """Return what does not go together with the section `train:`, a text for each problem."""
        return []

    @staticmethod
    def sampler(config: Any, seed: int) -> Any:
        """Return the sampler of Optuna that draws new values; each is drawn by itself here."""
        from optuna.samplers import RandomSampler

        return RandomSampler(seed)

    @staticmethod
    def brackets(config: Any, epochs: int) -> list[list[Rung]]:
        """Return the brackets, each a list of rungs; `epochs` are those of a whole training."""
        return [[Rung(config.trials)]]
