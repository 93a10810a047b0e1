"""Settings and functions that all ensembles share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field

from tfapps.config.sections import Section

TINY = 1e-9


class Members(Section):
    """Base of the Configs of ensembles.

    Attributes:
        members: number of runs.
        variants: settings that members use in turn, dotted key -> value: `[{}, {model.dropout:
            0.2}]` gives every second member more dropout.
    """

    members: int = Field(5, ge=2, le=100)
    variants: list[dict[str, Any]] = Field(default_factory=list)


def probabilities(logits: np.ndarray, activation: str) -> np.ndarray:
    """Return (rows, c), of each class, or of each label separately with `sigmoid`."""
    from tfapps.metrics.probability import sigmoid, softmax

    return sigmoid(logits) if activation == "sigmoid" else softmax(logits)


def logits_of(probability: np.ndarray, activation: str) -> np.ndarray:
    """Return the logits of probabilities."""
    if activation == "sigmoid":
        return np.log(probability + TINY) - np.log(1 - probability + TINY)
    return np.log(probability + TINY)


def mean(logits: Sequence[np.ndarray], activation: str) -> np.ndarray:
    """Return the logits of the members' mean probability (soft voting)."""
    return logits_of(np.mean([probabilities(x, activation) for x in logits], axis=0), activation)
