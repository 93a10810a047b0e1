"""Between values of a config and the numbers an oracle of KerasTuner chooses."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from tfapps.config import space as spaces
from tfapps.config.space import Range


class Dimensions:
    """A space, ready to be searched.

    Choices and steps are searched by their place: KerasTuner takes no null nor mixed types among
    choices, and leaves out the last of many a range of floats with steps.

    Args:
        space: {dotted key: list or mapping}, without problems.
        whole: whether only whole numbers may stand at a key.
    """

    def __init__(self, space: Mapping[str, Any], whole: Callable[[str], bool]) -> None:
        self.there = {path: spaces.dimension(raw) for path, raw in space.items()}
        self.whole = {
            path
            for path, numbers in self.there.items()
            if isinstance(numbers, Range) and whole(path)
        }

    def hyperparameters(self) -> Any:
        """All of them as KerasTuner has them."""
        import keras_tuner

        made = keras_tuner.HyperParameters()
        for path, numbers in self.there.items():
            if isinstance(numbers, list):
                made.Int(path, 0, len(numbers) - 1)
            elif numbers.step is not None:
                made.Int(path, 0, numbers.count - 1)
            else:
                make = made.Int if path in self.whole else made.Float
                make(path, numbers.low, numbers.high, sampling="log" if numbers.log else "linear")
        return made

    def values(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """What a choice of the oracle means in the config."""
        return {path: self._value(path, chosen[path]) for path in self.there}

    def _value(self, path: str, chosen: Any) -> Any:
        numbers = self.there[path]
        if isinstance(numbers, list):
            return numbers[chosen]
        value = chosen if numbers.step is None else numbers.at(chosen)
        if path in self.whole:
            return int(value)
        return float(value) if numbers.step is not None else _short(float(value), numbers)


def _short(value: float, numbers: Range) -> float:
    """A number a person can read: four digits tell trials apart."""
    if numbers.log:
        short = float(f"{value:.4g}")
    else:
        short = round(value, 3 - math.floor(math.log10(numbers.high - numbers.low)))
    return float(min(max(short, numbers.low), numbers.high))
