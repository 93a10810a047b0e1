"""Per-class precision, recall and F1, as scikit-learn's classification_report counts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def class_report(
    truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Return `classification_report` as a dictionary, one entry a label and the averages.

    Args:
        truth: (rows,) class numbers, or (rows, classes) 0/1 for multi-label.
        predicted: same shape as `truth`.
        labels: name of each class, by number.
    """
    from sklearn.metrics import classification_report

    report: dict[str, Any] = classification_report(
        truth,
        predicted,
        labels=list(range(len(labels))),
        target_names=list(labels),
        output_dict=True,
        zero_division=0,
    )
    report.pop("accuracy", None)
    return report


def class_report_text(truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str]) -> str:
    """Return the same table as text, for people."""
    from sklearn.metrics import classification_report

    return classification_report(
        truth,
        predicted,
        labels=list(range(len(labels))),
        target_names=list(labels),
        digits=4,
        zero_division=0,
    )


def f1_scores(truth: np.ndarray, predicted: np.ndarray, classes: int) -> dict[str, float]:
    """Return `macro_f1` and `micro_f1` over all classes.

    A class that has neither rows nor predictions counts as 0 in the macro mean, so a small
    evaluation file is compared with its own like only.
    """
    from sklearn.metrics import f1_score

    numbers = list(range(classes))
    return {
        f"{average}_f1": float(
            f1_score(truth, predicted, labels=numbers, average=average, zero_division=0)
        )
        for average in ("macro", "micro")
    }


def balanced_weights(truth: np.ndarray, classes: int) -> np.ndarray:
    """Return (c,) weights that make every class count alike, 1 on average over the rows.

    Args:
        truth: (rows,) class numbers, or (rows, c) 0/1: there the weight is that of a positive,
            negatives / positives, capped at 20.
        classes: c.
    """
    if truth.ndim > 1:
        positives = np.maximum(truth.sum(axis=0), 1.0)
        return np.clip((len(truth) - positives) / positives, 1.0, 20.0).astype(np.float32)
    counts = np.maximum(np.bincount(truth, minlength=classes), 1)
    return (len(truth) / (classes * counts)).astype(np.float32)
