"""What an evaluation hands to the loop."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Evaluation:
    """Metrics of a look at the dev set, with pictures (PNG bytes) and texts (markdown) by name."""

    metrics: dict[str, float]
    pictures: dict[str, bytes] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
