"""Pictures of a model's errors and of the costs of runs, as PNG bytes."""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfapps.metrics import fonts

NAMED_CELLS = 40
"""Class names are written on the axes up to this many classes; beyond it they would overlap."""

MARKERS = "osDvX^Ph"
"""By artefact, in their order; all of them can be drawn hollow."""


def confusion_png(truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str]) -> bytes:
    """Draw the confusion matrix, rows normalised, true class down, predicted class across.

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


def attention_png(weights: np.ndarray, down: Sequence[str], across: Sequence[str]) -> bytes:
    """Draw attention (t, s) of each piece of an answer over the source."""
    figure = _figure(0.35 * len(across) + 2, 0.3 * len(down) + 1.5)
    axes = figure.add_subplot()
    axes.imshow(weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    _ticks(axes.xaxis, across[: weights.shape[1]], rotation=90)
    _ticks(axes.yaxis, down)
    return _png(figure)


def f1_bars_png(rows: Mapping[str, Mapping[str, float]], labels: Sequence[str]) -> bytes:
    """Draw F1 of the most frequent labels, for multi-label tasks, where no matrix exists.

    Args:
        rows: f1-score and support by label.
        labels: all of them, by number.
    """
    names = dict(zip(labels, fonts.drawable(labels), strict=True))
    frequent = sorted(rows, key=lambda label: -rows[label]["support"])[:NAMED_CELLS][::-1]
    figure, axes = _axes(len(frequent))
    axes.barh(range(len(frequent)), [rows[label]["f1-score"] for label in frequent])
    bars = [f"{names[label]} ({int(rows[label]['support'])})" for label in frequent]
    _ticks(axes.yaxis, bars)
    axes.set_xlim(0, 1)
    axes.set_xlabel("F1 (label and rows)")
    return _png(figure)


def curves_png(curves: Mapping[str, Mapping[str, float]], metric: str) -> bytes:
    """Draw a metric against numbers given as strings, one line per name."""
    return panels_png({"strength": curves}, metric)


def panels_png(panels: Mapping[str, Mapping[str, Mapping[str, float]]], metric: str) -> bytes:
    """Draw the curves of `curves_png` side by side.

    Args:
        panels: curves by label of the x axis; all have curves of the same names.
    """
    figure = _figure(2.5 + 4.5 * len(panels), 4.5)
    first = None
    for place, (across, curves) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(1, len(panels), place, sharey=first)
        axes.grid(color="0.93")
        for (name, points), colour in zip(curves.items(), _colours(len(curves)), strict=True):
            label = name if first is None else None
            places = [float(x) for x in points]
            axes.plot(places, list(points.values()), "o-", color=colour, label=label)
        axes.set_xlabel(across)
        first = first or axes
    first.set_ylabel(metric)
    figure.legend(loc="outside right upper", fontsize=9)
    return _png(figure)


def tradeoffs_png(rows: Sequence[Mapping[str, Any]], metric: str) -> bytes:
    """Draw metric against size and against latency: one colour per run, one marker per artefact.

    Args:
        rows: one per artefact: run, artifact, metric, bytes, p50_ms (None leaves it out of the
            panel of latencies), pareto (whether the line of the front goes through it).
        metric: its name, higher is better.
    """
    runs = sorted({row["run"] for row in rows})
    kinds = sorted({row["artifact"] for row in rows}, key=lambda kind: (kind != "keras", kind))
    colours = dict(zip(runs, _colours(len(runs)), strict=True))
    # Hollow markers of decreasing size: float artefacts of a run overlap.
    styles = {
        kind: {"marker": MARKERS[i % len(MARKERS)], "markersize": 13 - 7 * i / len(kinds)}
        for i, kind in enumerate(kinds)
    }
    entries = len(runs) + len(kinds) + 4
    figure = _figure(11.5, max(4.5, 0.2 * entries + 0.5))
    by_size = figure.add_subplot(1, 2, 1)
    by_latency = figure.add_subplot(1, 2, 2, sharey=by_size)
    by_size.set_ylabel(f"{metric} on dev")
    _scatter(by_size, rows, "bytes", 1e-6, colours, styles)
    _scatter(by_latency, rows, "p50_ms", 1, colours, styles)
    _size_axis(by_size, [row["bytes"] * 1e-6 for row in rows])
    by_latency.set_xlabel("latency p50 (ms)")
    by_latency.set_xlim(left=0)
    by_latency.tick_params(labelleft=False)
    _metric_axis(by_size, [row["metric"] for row in rows])
    _front(by_size, sorted((row["bytes"] * 1e-6, row["metric"]) for row in rows if row["pareto"]))
    _legend(figure, colours, styles)
    return _png(figure)


def _scatter(axes, rows, key, scale, colours, styles) -> None:  # noqa: ANN001
    axes.grid(color="0.93")
    axes.ticklabel_format(axis="y", useOffset=False)
    for row in rows:
        if row[key] is not None:
            axes.plot(
                row[key] * scale,
                row["metric"],
                color=colours[row["run"]],
                markerfacecolor="none",
                markeredgewidth=1.5,
                **styles[row["artifact"]],
            )


def _size_axis(axes, sizes: Sequence[float]) -> None:  # noqa: ANN001
    """Set ticks in plain numbers, for any number of decades."""
    from matplotlib.ticker import LogLocator, NullLocator

    low, high = min(sizes) / 1.3, max(sizes) * 1.3
    axes.set_xlabel("size (MB)")
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    steps = (1, 1.5, 2, 3, 4, 5, 7) if high / low < 20 else (1, 2, 5) if high / low < 1000 else (1,)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:g}")


def _metric_axis(axes, values: Sequence[float]) -> None:  # noqa: ANN001
    """Show a range of at least 2% of the metric: less would make noise look like a loss."""
    low, high = min(values), max(values)
    missing = max(0.02 * (abs(high) or 1) - (high - low), 0) / 2
    margin = 0.06 * (high - low) + missing
    axes.set_ylim(low - margin, high + margin)


def _front(axes, corners: Sequence[tuple[float, float]]) -> None:  # noqa: ANN001
    """Draw the best metric at every size, as steps through the corners (size, metric)."""
    first, last = corners[0], corners[-1]
    steps = [(first[0], axes.get_ylim()[0]), *corners, (axes.get_xlim()[1], last[1])]
    sizes, metrics = zip(*steps, strict=True)
    axes.plot(sizes, metrics, color="0.75", drawstyle="steps-post", zorder=1)


def _colours(count: int) -> list:
    import matplotlib

    if count <= 10:
        return list(matplotlib.colormaps["tab10"].colors[:count])
    return list(matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, count)))


def _legend(figure, colours: Mapping[str, Any], styles: Mapping[str, Any]) -> None:  # noqa: ANN001
    """Draw runs by colour, then artefacts by marker, in one box right of the panels."""
    from matplotlib.lines import Line2D

    heading = Line2D([], [], linestyle="none")
    hollow = {"linestyle": "none", "color": "0.3", "markerfacecolor": "none"}
    entries = [("run", heading)]
    lines = [Line2D([], [], color=colour, linewidth=6) for colour in colours.values()]
    entries += zip(fonts.drawable(list(colours)), lines, strict=True)
    entries += [("", heading), ("artefact", heading)]
    entries += [(kind, Line2D([], [], **hollow, **style)) for kind, style in styles.items()]
    entries += [("Pareto front", Line2D([], [], color="0.75"))]
    handles = [handle for _, handle in entries]
    legend = figure.legend(handles, [" "] * len(handles), loc="outside right upper", fontsize=9)
    for text, (label, handle) in zip(legend.get_texts(), entries, strict=True):
        # Set afterwards and unparsed: a legend omits names that start with "_" and parses "$".
        text.set_text(label)
        text.set_fontfamily(fonts.families([label]))
        text.set_parse_math(False)
        text.set_fontweight("bold" if handle is heading else "normal")


def _axes(classes: int):  # noqa: ANN202 - matplotlib types would be imported for the signature
    side = float(np.clip(0.28 * classes, 4, 14))
    figure = _figure(side, side)
    return figure, figure.add_subplot()


def _figure(width: float, height: float):  # noqa: ANN202
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _name_axes(axes, labels: Sequence[str]) -> None:  # noqa: ANN001
    if len(labels) > NAMED_CELLS:
        return
    _ticks(axes.xaxis, labels, rotation=90, fontsize=8)
    _ticks(axes.yaxis, labels, fontsize=8)


def _ticks(axis, names: Sequence[str], **look: Any) -> None:  # noqa: ANN001
    """Write names on an axis, unparsed: `$` starts no formula."""
    names = fonts.drawable(names)
    look |= {"fontfamily": fonts.families(names), "parse_math": False}
    axis.set_ticks(range(len(names)), names, **look)


def _png(figure) -> bytes:  # noqa: ANN001
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return buffer.getvalue()
