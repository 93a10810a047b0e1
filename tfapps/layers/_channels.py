"""Factors that equalize channels of very different size before they share a range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

UNEVEN = 4.0  # ratio of the largest to the median channel above which equalizing pays off


def extremes(ranges: Sequence[Any]) -> Any:
    """Return (reduction, ends) for lower and for upper ends.

    Args:
        ranges: pairs of ends, (low, high), recorded by a quantizer.
    """
    lows, highs = zip(*ranges, strict=True)
    return (np.min, lows), (np.max, highs)


def peaks(ranges: Sequence[Any]) -> np.ndarray:
    """Return the largest |value| of each channel in the ranges a quantizer recorded."""
    low, high = (function(ends, axis=0) for function, ends in extremes(ranges))
    return np.maximum(np.maximum(-low, high), 1e-6)


def factors(sizes: np.ndarray) -> np.ndarray:
    """Return the divisors of channels of these sizes: 1 if they are similar anyway."""
    relative = sizes / np.median(sizes)
    return relative if relative.max() >= UNEVEN else np.ones_like(relative)
