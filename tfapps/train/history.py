"""What a fit leaves behind besides the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Epoch:
    """One epoch, from 1: rate of its last step, seconds of training (evaluation not counted)."""

    epoch: int
    loss: float
    metrics: dict[str, float]
    learning_rate: float
    examples_per_second: float
    seconds: float


@dataclass
class History:
    """A whole fit; `best_epoch` is the one whose weights the model has now, 0 the start.

    `averaged` epochs, the best ones, were averaged instead where that is better; 0 for none.
    """

    headline: str
    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    best: float = -math.inf
    stopped_early: bool = False
    averaged: int = 0

    def beaten_by(self, value: float) -> bool:
        """Whether an epoch with headline `value` is the new best: the earlier of equals stays."""
        return value > self.best or (math.isinf(self.best) and not math.isnan(value))
