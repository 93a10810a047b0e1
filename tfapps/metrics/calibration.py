"""Expected calibration error: does a confidence of 0.8 mean right four times in five?"""

from __future__ import annotations

import numpy as np


def expected_calibration_error(
    confidence: np.ndarray, correct: np.ndarray, bins: int = 15
) -> float:
    """Return the mean gap between confidence and accuracy, weighted by bin size.

    A phone shows a score with its answer; this measures how far that score can be trusted.
    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.

    Args:
        confidence: (rows,) predicted probability of the answer given, 0 to 1.
        correct: (rows,) 1 where that answer was right, else 0.
        bins: number of equal-width bins.

    Example:
        >>> import numpy as np
        >>> expected_calibration_error(np.array([0.9, 0.9]), np.array([1, 0]))
        0.4
    """
    if len(confidence) == 0:
        return 0.0
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    count = np.bincount(index, minlength=bins)
    gap = np.bincount(index, weights=confidence, minlength=bins) - np.bincount(
        index, weights=correct, minlength=bins
    )
    return float(np.round(np.abs(gap[count > 0]).sum() / len(confidence), 6))
