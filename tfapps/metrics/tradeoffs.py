"""The picture of `compare`: metric against size and latency, as PNG bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfapps.metrics import drawing, fonts, labelling

MARKERS = "osDvX^Ph"
"""By artefact, in their order; all of them can be drawn hollow."""

LINES = ("-", "--", ":", "-.")  # of fronts, by data set
LABELLED = 30  # points up to which each has its artefact beside it; else only those of fronts


def tradeoffs_png(rows: Sequence[Mapping[str, Any]], metric: str) -> bytes:
    """Draw metric against size and against latency: one colour per run, one marker per artefact.

    Args:
        rows: one per artefact: run, artifact, metric, bytes, p50_ms (None leaves it out of the
            panel of latencies), data (name of its data set), pareto (whether the line of the front
            of that data set goes through it).
        metric: its name, higher is better.
    """
    runs = sorted({row["run"] for row in rows})
    kinds = sorted({row["artifact"] for row in rows}, key=lambda kind: (kind != "keras", kind))
    colours = dict(zip(runs, drawing.colours(len(runs)), strict=True))
    # Hollow markers of decreasing size: float artefacts of a run overlap.
    styles = {
        kind: {"marker": MARKERS[i % len(MARKERS)], "markersize": 13 - 7 * i / len(kinds)}
        for i, kind in enumerate(kinds)
    }
    sides = fronts(rows)
    entries = len(runs) + len(kinds) + 3 + len(sides)
    figure = drawing.figure(13, max(4.5, 0.2 * entries + 0.5, min(0.22 * len(rows), 7)))
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
    lines = dict(zip(sides, LINES * len(sides), strict=False))
    for data, corners in sides.items():
        _front(by_size, corners, lines[data])
    _legend(figure, colours, styles, lines)
    for axes, key, scale in ((by_size, "bytes", 1e-6), (by_latency, "p50_ms", 1)):
        _labels(axes, rows, key, scale, colours, styles)
    return drawing.png(figure)


def fronts(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    """Return the corners (MB, metric) of the front of each data set, by its name.

    Runs on different data are not joined: a metric of one says nothing of the other.
    """
    corners: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row["pareto"]:
            corners.setdefault(row["data"], []).append((row["bytes"] * 1e-6, row["metric"]))
    return {data: sorted(corners[data]) for data in sorted(corners)}


def _labels(axes, rows, key, scale, colours, styles) -> None:  # noqa: ANN001
    """Write the artefact beside each point, those of the fronts first."""
    shown = [row for row in rows if row[key] is not None]
    shown = [row for row in shown if row["pareto"] or len(shown) <= LABELLED]
    shown.sort(key=lambda row: not row["pareto"])
    points = [
        labelling.Point(
            row[key] * scale,
            row["metric"],
            row["artifact"].removeprefix("litert_"),
            colours[row["run"]],
            styles[row["artifact"]]["markersize"],
        )
        for row in shown
    ]
    labelling.write(axes, points)


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


def _front(axes, corners: Sequence[tuple[float, float]], line: str) -> None:  # noqa: ANN001
    """Draw the best metric at every size, as steps through the corners (size, metric)."""
    first, last = corners[0], corners[-1]
    steps = [(first[0], axes.get_ylim()[0]), *corners, (axes.get_xlim()[1], last[1])]
    sizes, metrics = zip(*steps, strict=True)
    axes.plot(sizes, metrics, color="0.75", linestyle=line, drawstyle="steps-post", zorder=1)


def _legend(
    figure: Any, colours: Mapping[str, Any], styles: Mapping[str, Any], lines: Mapping[str, str]
) -> None:
    """Draw runs by colour, artefacts by marker and fronts by line, in one box at the right."""
    from matplotlib.lines import Line2D

    heading = Line2D([], [], linestyle="none")
    hollow = {"linestyle": "none", "color": "0.3", "markerfacecolor": "none"}
    entries = [("run", heading)]
    strokes = [Line2D([], [], color=colour, linewidth=6) for colour in colours.values()]
    entries += zip(fonts.drawable(list(colours)), strokes, strict=True)
    entries += [("", heading), ("artefact", heading)]
    entries += [(kind, Line2D([], [], **hollow, **style)) for kind, style in styles.items()]
    named = fonts.drawable([drawing.shortened(data) for data in lines])
    fronts = ["Pareto front"] if len(lines) == 1 else [f"Pareto front, {data}" for data in named]
    handles = [Line2D([], [], color="0.75", linestyle=line) for line in lines.values()]
    entries += zip(fronts, handles, strict=True)
    handles = [handle for _, handle in entries]
    legend = figure.legend(handles, [" "] * len(handles), loc="outside right upper", fontsize=9)
    for text, (label, handle) in zip(legend.get_texts(), entries, strict=True):
        # Set afterwards and unparsed: a legend omits names that start with "_" and parses "$".
        text.set_text(label)
        text.set_fontfamily(fonts.families([label]))
        text.set_parse_math(False)
        text.set_fontweight("bold" if handle is heading else "normal")
