"""Pictures of a classifier's errors, as PNG bytes for TensorBoard and the bundle."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

NAMED_CELLS = 40
"""Class names are written on the axes up to this many classes; beyond it they would overlap."""


def confusion_png(truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str]) -> bytes:
    """Draw the confusion matrix, rows normalised, true class down, predicted class across.

    Args:
        truth: (rows,) class numbers.
        predicted: (rows,) class numbers.
        labels: name of each class, by number.
    """
    from sklearn.metrics import confusion_matrix

    matrix = confusion_matrix(truth, predicted, labels=list(range(len(labels))))
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure, axes = _axes(len(labels))
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    _name_axes(axes, labels)
    if len(labels) <= 12:
        for row, column in np.argwhere(matrix > 0):
            axes.text(
                column,
                row,
                str(matrix[row, column]),
                ha="center",
                va="center",
                color="white" if share[row, column] > 0.5 else "black",
            )
    return _png(figure)


def f1_bars_png(f1: Sequence[float], support: Sequence[float], labels: Sequence[str]) -> bytes:
    """Draw F1 of the most frequent labels, for multi-label tasks, where no matrix exists."""
    order = np.argsort(support)[::-1][:NAMED_CELLS][::-1]
    figure, axes = _axes(len(order))
    axes.barh([f"{labels[i]} ({int(support[i])})" for i in order], [f1[i] for i in order])
    axes.set_xlim(0, 1)
    axes.set_xlabel("F1 (label and rows)")
    return _png(figure)


def _axes(classes: int):  # noqa: ANN202 - matplotlib types would be imported for the signature
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    side = float(np.clip(0.28 * classes, 4, 14))
    figure = Figure(figsize=(side, side), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _name_axes(axes, labels: Sequence[str]) -> None:  # noqa: ANN001
    if len(labels) > NAMED_CELLS:
        return
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=8)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)


def _png(figure) -> bytes:  # noqa: ANN001
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return buffer.getvalue()
