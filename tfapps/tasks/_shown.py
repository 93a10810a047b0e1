"""What a person is shown of a classifier's answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def pictures(
    truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str], multi_label: bool
) -> dict[str, bytes]:
    """The confusion matrix as PNG, or, multi-label, the F1 of the frequent labels."""
    from tfapps.metrics.classes import class_report
    from tfapps.metrics.pictures import confusion_png, f1_bars_png

    if not multi_label:
        return {"confusion": confusion_png(truth, predicted, labels)}
    report = class_report(truth, predicted, labels)
    rows = [report[label] for label in labels]
    f1, support = [row["f1-score"] for row in rows], [row["support"] for row in rows]
    return {"f1_by_label": f1_bars_png(f1, support, labels)}


def mistakes(
    answers: Sequence[dict[str, Any]], truth: Sequence[str], examples: Sequence[dict[str, Any]]
) -> str:
    """A markdown table of wrong answers."""
    lines = ["| text | truth | answer | score |", "| --- | --- | --- | --- |"]
    for answer, right, example in zip(answers, truth, examples, strict=True):
        text = " ".join(example["text"].split()).replace("|", "\\|")[:200]
        told = answer.get("label") or ", ".join(answer["labels"])
        lines.append(f"| {text} | {right} | {told} | {confidence(answer):.2f} |")
    return "\n".join(lines)


def confidence(answer: dict[str, Any]) -> float:
    """The score of an answer, the best one of several."""
    return answer["score"] if "score" in answer else max(answer["scores"], default=0.0)
