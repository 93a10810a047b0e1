"""Pictures of a model's errors, as PNG bytes."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfapps.metrics import drawing, fonts
from tfapps.metrics.confusions import Confusion, confusions

NAMED_CLASSES = 30
"""A confusion matrix has names on its axes up to this many classes; more would be unreadable."""

BARS = 40  # most bars of labels
COUNTED = 12  # classes up to which each cell holds its number of rows
SCALE = "share of the true class"


def confusion_png(truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str]) -> bytes:
    """Draw the confusion matrix, rows normalised, true class down, predicted class across.

    Of more than `NAMED_CLASSES` classes, the most confused pairs are drawn as bars with their
    names, beside a small matrix without names.

    Args:
        truth: (rows,) class numbers.
        predicted: (rows,) class numbers.
        labels: name of each class, by number.
    """
    from sklearn.metrics import confusion_matrix

    matrix = confusion_matrix(truth, predicted, labels=list(range(len(labels))))
    return _confusion_png(tuple(map(tuple, matrix.tolist())), tuple(labels))


@functools.lru_cache(maxsize=16)  # the evaluation of a finished run repeats that of its best epoch
def _confusion_png(counts: tuple[tuple[int, ...], ...], labels: tuple[str, ...]) -> bytes:
    matrix = np.array(counts)
    many = len(labels) > NAMED_CLASSES
    return _with_pairs(matrix, labels) if many else _with_names(matrix, labels)


def _with_names(matrix: np.ndarray, labels: Sequence[str]) -> bytes:
    """Draw a matrix (c, c) of counts with names on both axes."""
    names = [drawing.shortened(name) for name in labels]
    side, room = max(0.32 * len(labels), 2.4), 0.075 * max(map(len, names))  # inches
    figure = drawing.figure(side + room + 1.6, side + room + 1.1)
    axes = figure.add_subplot()
    share = _matrix(figure, axes, matrix)
    drawing.ticks(axes.xaxis, names, rotation=90, fontsize=8)
    drawing.ticks(axes.yaxis, names, fontsize=8)
    axes.set_title("confusion matrix, rows normalised", fontsize=10)
    if len(labels) <= COUNTED:
        for row, column in np.argwhere(matrix > 0):
            axes.text(
                column,
                row,
                str(matrix[row, column]),
                ha="center",
                va="center",
                color="white" if share[row, column] > 0.5 else "black",
            )
    return drawing.png(figure)


def _with_pairs(matrix: np.ndarray, labels: Sequence[str]) -> bytes:
    """Draw the most confused pairs of a matrix (c, c) as bars, beside the matrix without names."""
    pairs = confusions(matrix)
    figure = drawing.figure(15, max(5, 0.3 * len(pairs) + 1.2))
    bars, axes = figure.subplots(1, 2, width_ratios=[1, 1])
    _pairs(bars, pairs, labels, int(matrix.sum()))
    _matrix(figure, axes, matrix, gamma=0.4)
    axes.set_title(f"{len(labels)} classes, rows normalised", fontsize=10)
    axes.set_xlabel("predicted class, by number")
    axes.set_ylabel("true class, by number")
    return drawing.png(figure)


def _pairs(axes: Any, pairs: Sequence[Confusion], labels: Sequence[str], rows: int) -> None:
    """Draw a bar for each pair, the most rows on top."""
    title = f"the {len(pairs)} most confused pairs of {rows} rows" if pairs else "no row is wrong"
    axes.set_title(title, fontsize=10)
    if not pairs:
        axes.set_axis_off()
        return
    names = [
        f"{drawing.shortened(labels[pair.true])} → {drawing.shortened(labels[pair.predicted])}"
        for pair in pairs
    ]
    axes.barh(range(len(pairs)), [pair.count for pair in pairs], color="tab:blue")
    drawing.ticks(axes.yaxis, names, fontsize=8)
    axes.invert_yaxis()
    for place, pair in enumerate(pairs):
        axes.text(pair.count, place, f" {pair.count} ({pair.share:.0%})", va="center", fontsize=8)
    axes.margins(x=0.15, y=0.02)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("rows, true → predicted (share of the true class)")


def _matrix(figure: Any, axes: Any, matrix: np.ndarray, gamma: float = 1.0) -> np.ndarray:
    """Draw counts (c, c) as shares of their row, with a colour bar; return the shares.

    Args:
        gamma: below 1, small shares are darker than in proportion: among many cells they are many.
    """
    from matplotlib.colors import PowerNorm

    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", norm=PowerNorm(gamma, vmin=0, vmax=1))
    figure.colorbar(image, ax=axes, shrink=0.7, label=SCALE)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    return share


def attention_png(weights: np.ndarray, down: Sequence[str], across: Sequence[str]) -> bytes:
    """Draw attention (t, s) of each piece of an answer over the source."""
    figure = drawing.figure(0.35 * len(across) + 2, 0.3 * len(down) + 1.5)
    axes = figure.add_subplot()
    axes.imshow(weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    drawing.ticks(axes.xaxis, across[: weights.shape[1]], rotation=90)
    drawing.ticks(axes.yaxis, down)
    return drawing.png(figure)


def f1_bars_png(rows: Mapping[str, Mapping[str, float]], labels: Sequence[str]) -> bytes:
    """Draw F1 of the most frequent labels, for multi-label tasks, where no matrix exists.

    Args:
        rows: f1-score and support by label.
        labels: all of them, by number.
    """
    names = dict(zip(labels, fonts.drawable(labels), strict=True))
    frequent = sorted(rows, key=lambda label: -rows[label]["support"])[:BARS][::-1]
    side = float(np.clip(0.28 * len(frequent), 4, 14))
    figure = drawing.figure(side, side)
    axes = figure.add_subplot()
    axes.barh(range(len(frequent)), [rows[label]["f1-score"] for label in frequent])
    bars = [
        f"{drawing.shortened(names[label])} ({int(rows[label]['support'])})" for label in frequent
    ]
    drawing.ticks(axes.yaxis, bars)
    axes.set_xlim(0, 1)
    axes.set_xlabel("F1 (label and rows)")
    return drawing.png(figure)
