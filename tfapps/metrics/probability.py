"""Logits to probabilities in numpy, for evaluation and for serving without Keras."""

from __future__ import annotations

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities over the last axis, (..., c) -> (..., c)."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Return elementwise probabilities; the tanh form can't overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * logits))
