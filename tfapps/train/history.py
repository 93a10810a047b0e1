"""The evaluations of a fit."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from tfapps.errors import Failure

SHOWN = 5  # evaluations in a message


@dataclass(frozen=True)
class Record:
    """One evaluation, and the steps since the one before.

    Attributes:
        epoch: completed epochs, 0.5 in the middle of the first.
        step: completed optimizer steps.
        loss: mean of these steps.
        learning_rate: of the last one.
        per_second: speed of training in `unit`.
        seconds: of training, evaluation not counted.
    """

    epoch: float
    step: int
    loss: float
    metrics: dict[str, float]
    learning_rate: float
    per_second: float
    seconds: float
    unit: str = "examples"

    def figures(self) -> dict[str, Any]:
        """Return all values by name, the speed named by its unit: `tokens_per_second`."""
        figures = asdict(self)
        return figures | {f"{figures.pop('unit')}_per_second": figures.pop("per_second")}


@dataclass
class History:
    """A whole fit; `best_epoch` is when the model had the weights it has now, 0 the start.

    The weights of `averaged` evaluations, the best ones, were averaged instead where that is
    better; 0 for none. Early stopping counts no evaluation before `patient_from` epochs.
    """

    headline: str
    records: list[Record] = field(default_factory=list)
    best_epoch: float = 0.0
    best: float = -math.inf
    stopped_early: bool = False
    averaged: int = 0
    patient_from: float = 0.0

    def state(self) -> dict[str, Any]:
        """Return everything in a form that JSON can hold."""
        return asdict(self)

    @classmethod
    def of(cls, state: dict[str, Any]) -> History:
        """Return the history that `state` described."""
        records = [Record(**record) for record in state["records"]]
        return cls(**{**state, "records": records})

    def beaten_by(self, value: float) -> bool:
        """Return whether a headline of `value` is the new best; the earlier of equals stays."""
        return value > self.best or (math.isinf(self.best) and not math.isnan(value))

    @property
    def waited(self) -> int:
        """Return how many evaluations early stopping counts since the best one."""
        return sum(
            record.epoch > self.best_epoch and record.epoch >= self.patient_from
            for record in self.records
        )

    def require_best(self) -> None:
        """Check that at least one evaluation gave a best value.

        Raises:
            Failure: none did, so the weights are the initial ones.
        """
        if math.isfinite(self.best):
            return
        values = [record.metrics[self.headline] for record in self.records]
        last_values = ", ".join(f"{value:g}" for value in values[-SHOWN:]) or "none"
        raise Failure(
            f"no evaluation qualified, so there are no best weights: got {self.headline} "
            f"{last_values} at the last evaluations, expected a finite number in one that can be "
            "best; check the dev data, or train for more epochs"
        )


def short(epoch: float) -> str:
    """Return an epoch as short text.

    Example: `short(2.0)` is "2", `short(1 / 3)` is "0.33".
    """
    return f"{round(epoch, 2):g}"
