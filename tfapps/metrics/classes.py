"""Per-class precision, recall and F1, as scikit-learn's classification_report counts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfapps.metrics import intervals
from tfapps.metrics.calibration import expected_calibration_error
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
    answered = len(truth) * np.arange(1, classes + 1)
    f1 = 2 * np.cumsum(counts[order]) / (answered + counts.sum())
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


def scores(truth: np.ndarray, predicted: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Return accuracy, F1 and calibration error; for multi-label `micro_f1` too.

    Args:
        truth: (rows,) class numbers, or (rows, c) 0/1 for multi-label.
        predicted: same shape as `truth`.
        probability: of each class, (rows, c).
    """
    f1 = f1_scores(truth, predicted, probability.shape[1])
    if truth.ndim > 1:
        confidence = np.maximum(probability, 1 - probability).ravel()
        correct = ((probability >= 0.5) == (truth >= 0.5)).ravel()
        accuracy = float((predicted == truth).all(axis=-1).mean())
    else:
        confidence, correct = probability.max(axis=-1), predicted == truth
        accuracy = float(correct.mean())
        f1.pop("micro_f1")
    error = expected_calibration_error(confidence, correct)
    return {"accuracy": accuracy, **f1, "calibration_error": error}


def interval(truth: np.ndarray, predicted: np.ndarray) -> intervals.Interval | None:
    """Return the 95 % interval of the accuracy, or of `micro_f1` for multi-label.

    Args:
        truth: (rows,) class numbers, or (rows, c) 0/1 for multi-label.
        predicted: same shape as `truth`.
    """
    if truth.ndim == 1:
        return intervals.wilson(int((truth == predicted).sum()), len(truth))
    right = ((truth > 0) & (predicted > 0)).sum(axis=1)
    return intervals.of_ratio(2 * right, (truth > 0).sum(axis=1) + (predicted > 0).sum(axis=1))


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
