"""The space of a search: dotted keys of a config, each with a range or a list of choices."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Self

from pydantic import ValidationError, model_validator

from tfapps.config import messages, strict_yaml
from tfapps.config.sections import Section

PATH = "search.space"
UNREAD = ("name", "compress", "export", "lengths", "gate", "probabilities", "ensemble", "search")
_SLACK = 1e-9  # a step of 0.1 fits three times between 0 and 0.3, whatever binary floats say


class Range(Section):
    """All numbers from `low` to `high`, both among them.

    Attributes:
        step: from one number to the next: added, or with `log` multiplied; any number without.
        log: as many numbers between 1 and 10 as between 10 and 100.
    """

    low: int | float
    high: int | float
    step: int | float | None = None
    log: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        wrong = []
        if self.low >= self.high:
            wrong.append(f"got low {self.low} and high {self.high}, expected low < high")
        if self.log and self.low <= 0:
            wrong.append(f"got low {self.low} with log, expected low > 0")
        least = 1 if self.log else 0
        if self.step is not None and self.step <= least:
            subject = "step with log" if self.log else "step"
            wrong.append(f"got {subject} {self.step}, expected {subject} > {least}")
        elif not wrong and self.step is not None and self.at(1) > self.high:
            wrong.append(f"got step {self.step}, which leads from low {self.low} beyond high")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def at(self, index: int) -> int | float:
        """Return the number so many steps from `low`."""
        step = self.step or 0
        value = self.low * step**index if self.log else self.low + index * step
        return value if isinstance(value, int) else float(f"{value:.12g}")

    @property
    def count(self) -> int:
        """Return how many numbers there are with a step."""
        step = self.step or 1
        if self.log:
            steps = math.log(self.high / self.low) / math.log(step)
        else:
            steps = (self.high - self.low) / step
        return math.floor(steps + _SLACK) + 1


def dimension(raw: Any) -> Range | list[Any]:
    """Return a range or the choices, of a space that has no problems."""
    return list(raw) if isinstance(raw, list) else Range(**raw)


def changed(raw: dict[Any, Any], values: Mapping[str, Any]) -> dict[Any, Any]:
    """Return a copy of a config with values at dotted keys; whole sections are set first.

    Raises: ConfigError for a key inside what is no mapping.
    """
    for path in sorted(values, key=lambda path: path.count(".")):
        raw = strict_yaml.set_value(raw, path.split("."), values[path])
    return raw


def problems(
    space: Mapping[Any, Any], check: Callable[[Mapping[str, Any]], list[str]]
) -> list[str]:
    """Return one line for each problem of each key, checked at both ends or for all choices.

    Args:
        check: {dotted key: value} -> problems of the config with that value.
    """
    lines = []
    for path, raw in space.items():
        where = f"{PATH}.{path}"
        if not isinstance(path, str) or not all(path.split(".")):
            lines.append(f"{where}: expected a dotted key, such as train.learning_rate")
        elif path.split(".")[0] in UNREAD:
            lines.append(f"{where}: a trial only trains, which does not read it; leave it out")
        else:
            wrong = _wrong(raw, where)
            lines += wrong
            for value in [] if wrong else ends(dimension(raw)):
                lines += [f"{PATH}: {line}" for line in check({path: value})]
    return list(dict.fromkeys(lines))


def ends(numbers: Range | list[Any]) -> list[Any]:
    """Return all choices, or both ends of a range and its first step."""
    if isinstance(numbers, list):
        return numbers
    first = [] if numbers.step is None else [numbers.at(1)]
    return [numbers.low, numbers.high, *first]


def _wrong(raw: Any, where: str) -> list[str]:
    """Return what is wrong with a dimension by itself."""
    if isinstance(raw, list):
        return [] if raw else [f"{where}: got an empty list, expected one choice or more"]
    if not isinstance(raw, dict):
        return [
            f"{where}: got {strict_yaml.show(raw)}, expected a list of choices or a mapping "
            "with low and high"
        ]
    odd = [key for key in raw if not isinstance(key, str)]
    if odd:
        return [messages.unknown_key((where,), key, Range.model_fields) for key in odd]
    try:
        Range(**raw)
    except ValidationError as error:
        return messages.explain(error, Range, where)
    return []
