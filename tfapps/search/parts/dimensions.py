"""Convert between values of a config and the numbers that Optuna draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from tfapps.config import space as spaces
from tfapps.config.space import Range


class Dimensions:
    """A space, ready to be searched.

    Choices and steps are drawn by their place: a choice of Optuna cannot be a mapping, and the
    last of a range of floats with steps must not be lost to rounding.

    Args:
        space: {dotted key: list or mapping}, without problems.
        is_whole: whether only whole numbers may stand at a key.
    """

    def __init__(self, space: Mapping[str, Any], is_whole: Callable[[str], bool]) -> None:
        self.numbers = {path: spaces.dimension(raw) for path, raw in space.items()}
        self.integers = {
            path
            for path, numbers in self.numbers.items()
            if isinstance(numbers, Range) and is_whole(path)
        }

    def distributions(self) -> dict[str, Any]:
        """Return all of them as Optuna has them."""
        from optuna import distributions as optuna

        distributions: dict[str, Any] = {}
        for path, numbers in self.numbers.items():
            if isinstance(numbers, list):
                distributions[path] = optuna.CategoricalDistribution(range(len(numbers)))
            elif numbers.step is not None:
                distributions[path] = optuna.IntDistribution(0, numbers.count - 1)
            else:
                make = optuna.IntDistribution if path in self.integers else optuna.FloatDistribution
                distributions[path] = make(numbers.low, numbers.high, log=numbers.log)
        return distributions

    def values(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """Return what numbers drawn by Optuna mean in the config."""
        return {path: self._value(path, drawn[path]) for path in self.numbers}

    def _value(self, path: str, drawn: Any) -> Any:
        numbers = self.numbers[path]
        if isinstance(numbers, list):
            return numbers[drawn]
        value = drawn if numbers.step is None else numbers.at(drawn)
        if path in self.integers:
            return int(value)
        return float(value) if numbers.step is not None else _short(float(value), numbers)


def _short(value: float, numbers: Range) -> float:
    """Round a number to four digits, which is short and tells trials apart."""
    if numbers.log:
        short = float(f"{value:.4g}")
    else:
        short = round(value, 3 - math.floor(math.log10(numbers.high - numbers.low)))
    return float(min(max(short, numbers.low), numbers.high))
