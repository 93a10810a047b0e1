"""Channels of very different size: what to divide each by before they share a range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

UNEVEN = 4.0  # largest channel over the median one from which equalizing is worth a product


def extremes(seen: Sequence[Any]) -> Any:
    """Pair what reduces lower ends with all of them, and so for upper ends.

    Args:
        seen: pairs of ends, (low, high), as a quantizer noted them.
    """
    lows, highs = zip(*seen, strict=True)
    return (np.min, lows), (np.max, highs)


def peaks(seen: Sequence[Any]) -> np.ndarray:
    """Largest |value| of each channel in what a quantizer has noted."""
    low, high = (function(ends, axis=0) for function, ends in extremes(seen))
    return np.maximum(np.maximum(-low, high), 1e-6)


def factors(sizes: np.ndarray) -> np.ndarray:
    """What to divide channels of these sizes by: by nothing where they are alike anyway."""
    relative = sizes / np.median(sizes)
    return relative if relative.max() >= UNEVEN else np.ones_like(relative)
