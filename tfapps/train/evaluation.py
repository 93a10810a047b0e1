"""The result of an evaluation on the dev set."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Evaluation:
    """Metrics of one evaluation, with pictures (PNG bytes) and texts (markdown) by name.

    Attributes:
        loss: mean over the rows; None where outputs have none.
    """

    metrics: dict[str, float]
    pictures: dict[str, bytes] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    loss: float | None = None
