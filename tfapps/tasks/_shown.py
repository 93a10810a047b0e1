"""Reports and pictures of a classifier's answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfapps.printable import markdown


def report(
    truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str]
) -> tuple[dict[str, Any], str]:
    """Return precision, recall, F1 and support of every class, as data and as text.

    The text also lists the pairs that are confused most, of tasks with one label a row.
    """
    from tfapps.metrics.classes import class_report, class_report_text
    from tfapps.metrics.confusions import confusions_text
    from tfapps.metrics.fonts import legend_text

    text = class_report_text(truth, predicted, labels)
    if np.ndim(truth) == 1:
        text += confusions_text(truth, predicted, labels)
    text += legend_text(labels)
    return class_report(truth, predicted, labels), text


def pictures(
    truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str], multi_label: bool
) -> dict[str, bytes]:
    """Return the confusion matrix as PNG, or, multi-label, the F1 of the frequent labels."""
    from tfapps.metrics.classes import class_report
    from tfapps.metrics.pictures import confusion_png, f1_bars_png

    if not multi_label:
        return {"confusion": confusion_png(truth, predicted, labels)}
    report = class_report(truth, predicted, labels)
    return {"f1_by_label": f1_bars_png(report["classes"], labels)}


def mistakes(
    answers: Sequence[dict[str, Any]],
    wrong: np.ndarray,
    truth: Sequence[Sequence[str]],
    examples: Sequence[dict[str, Any]],
    limit: int,
) -> str:
    """Return a markdown table of the wrong answers given with most confidence.

    Args:
        wrong: (rows,) or, multi-label, (rows, c) bool.
        truth: labels of each row.
        limit: most rows of the table.
    """
    rows = np.flatnonzero(wrong.any(axis=-1) if wrong.ndim > 1 else wrong)
    rows = sorted(rows, key=lambda row: -confidence(answers[row]))[:limit]
    lines = ["| text | truth | answer | score |", "| --- | --- | --- | --- |"]
    for row in rows:
        answer, right, example = answers[row], ", ".join(truth[row]), examples[row]
        label = answer.get("label") or ", ".join(answer["labels"])
        cells = (markdown(cell) for cell in (example["text"][:200], right, label))
        lines.append(f"| {' | '.join(cells)} | {confidence(answer):.2f} |")
    return "\n".join(lines)


def confidence(answer: dict[str, Any]) -> float:
    """Return the score of an answer, the best one of several."""
    return answer["score"] if "score" in answer else max(answer["scores"], default=0.0)


def several(
    probability: np.ndarray, labels: Sequence[str], threshold: float
) -> dict[str, list[Any]]:
    """Return the labels of a text whose probabilities (c,) reach the threshold, best first."""
    chosen = np.flatnonzero(probability >= threshold)
    chosen = chosen[np.argsort(-probability[chosen], kind="stable")]
    return {
        "labels": [labels[i] for i in chosen],
        "scores": [round(float(probability[i]), 4) for i in chosen],
    }
