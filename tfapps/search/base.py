"""The contract of a search: every attribute and hook that other packages ask for.

A file of this folder holds a `Config(Trials)` and a class `Search`, a subclass of the one here.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar


class Search(ABC):
    """How the values of the next trial are chosen; it is never instantiated.

    Attributes:
        failed: the metric that the oracle is given of a failed trial.
    """

    failed: ClassVar[float] = math.nan

    @staticmethod
    def problems(config: Any, train: Any) -> list[str]:
        """Return what does not go together with the section `train:`, a text for each problem."""
        return []

    @staticmethod
    @abstractmethod
    def oracle(config: Any, epochs: int, **common: Any) -> Any:
        """Return the oracle of KerasTuner.

        Args:
            epochs: of a whole training.
            common: what every oracle takes.
        """

    @staticmethod
    @abstractmethod
    def total(config: Any, oracle: Any) -> int:
        """Return the number of trials."""
