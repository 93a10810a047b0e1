"""Per-class precision, recall and F1, as scikit-learn's classification_report counts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfapps.printable import plain


def occurring(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Return the numbers of the classes that occur in truth or in prediction, (n,).

    Scores and averages cover only these: a class neither true nor predicted cannot be wrong.

    Args:
        truth: (rows,) class numbers, or (rows, c) 0/1 for multi-label.
        predicted: same shape as `truth`.
        classes: c.
    """
    return np.flatnonzero(supports(truth, classes) + supports(predicted, classes))


def supports(truth: np.ndarray, classes: int) -> np.ndarray:
    """Return the number of rows of each class, (c,)."""
    if truth.ndim > 1:
        return (np.asarray(truth) > 0).sum(axis=0)
    return np.bincount(truth, minlength=classes)


def frequent(truth: np.ndarray, classes: int) -> np.ndarray:
    """Return the classes that are the best constant answer: the most frequent one.

    Multi-label, those that together have the best micro F1 as the answer to every row.

    Args:
        truth: (rows,) class numbers, or (rows, c) 0/1 for multi-label.
        classes: c.
    """
    counts = supports(truth, classes)
    order = np.argsort(-counts, kind="stable")
    if truth.ndim == 1:
        return order[:1]
    given = len(truth) * np.arange(1, classes + 1)
    f1 = 2 * np.cumsum(counts[order]) / (given + counts.sum())
    return order[: f1.argmax() + 1]


def without_rows(truth: np.ndarray, labels: Sequence[str]) -> list[str]:
    """Return the labels without rows."""
    return [labels[number] for number in np.flatnonzero(supports(truth, len(labels)) == 0)]


def class_report(truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    """Return scikit-learn's `classification_report` of the classes that occur, as data.

    Args:
        truth: (rows,) class numbers, or (rows, classes) 0/1 for multi-label.
        predicted: same shape as `truth`.
        labels: name of each class, by number.

    Returns:
        `classes`: precision, recall, f1-score and support by label; `averages`: the same by kind
        of average (separate, because a class may be called `macro avg`, say); `absent`: the
        labels in neither truth nor prediction, which count in no average.
    """
    from sklearn.metrics import classification_report

    present = occurring(truth, predicted, len(labels))
    absent = [labels[number] for number in np.setdiff1d(np.arange(len(labels)), present)]
    if not len(present):  # multi-label: no text has a label, and none was predicted
        return {"classes": {}, "averages": {}, "absent": absent}
    names = [str(number) for number in present]
    table: dict[str, Any] = classification_report(
        truth, predicted, labels=present, target_names=names, output_dict=True, zero_division=0
    )
    classes = {labels[number]: table.pop(str(number)) for number in present}
    table.pop("accuracy", None)
    return {"classes": classes, "averages": table, "absent": absent}


def class_report_text(truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str]) -> str:
    """Return the same table as readable text; absent classes are listed below it."""
    from sklearn.metrics import classification_report

    present = occurring(truth, predicted, len(labels))
    absent = [plain(labels[number]) for number in np.setdiff1d(np.arange(len(labels)), present)]
    text = ""
    if len(present):
        text = classification_report(
            truth,
            predicted,
            labels=present,
            target_names=[plain(labels[number]) for number in present],
            digits=4,
            zero_division=0,
        )
    if absent:
        text += f"\nabsent (no row, no prediction; in no average): {', '.join(absent)}\n"
    return text


def f1_scores(truth: np.ndarray, predicted: np.ndarray, classes: int) -> dict[str, float]:
    """Return `macro_f1` and `micro_f1` over the classes that occur in truth or prediction.

    scikit-learn averages in the same way; 0 if there is none, in a multi-label file without labels.
    """
    from sklearn.metrics import f1_score

    present = occurring(truth, predicted, classes)
    if not len(present):
        return {"macro_f1": 0.0, "micro_f1": 0.0}
    return {
        f"{average}_f1": float(
            f1_score(truth, predicted, labels=present, average=average, zero_division=0)
        )
        for average in ("macro", "micro")
    }


def balanced_weights(truth: np.ndarray, classes: int) -> np.ndarray:
    """Return (c,) weights that make all classes with rows count equally, 1 on average over rows.

    Args:
        truth: (rows,) class numbers, or (rows, c) 0/1: there the weight is that of a positive,
            negatives / positives, capped at 20.
        classes: c.
    """
    if truth.ndim > 1:
        positives = np.maximum(truth.sum(axis=0), 1.0)
        return np.clip((len(truth) - positives) / positives, 1.0, 20.0).astype(np.float32)
    counts = supports(truth, classes)
    return (len(truth) / ((counts > 0).sum() * np.maximum(counts, 1))).astype(np.float32)
