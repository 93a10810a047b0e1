"""The picture of the README: accuracy against size of all files for banking77.

The file holds a hash of the figures and of this module, by which a test sees that it is up to date
without drawing it.
"""

from __future__ import annotations

import hashlib
import json
import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from tools.blocks import ROOT
from tools.tables.markdown import megabytes, read
from tools.tables.runs import config

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

PATH = ROOT / "docs/pictures/accuracy_by_size.svg"
SPLIT = "banking77/dev.csv"
FLOAT = "intents_bert_banking77"  # whose Keras model the files are compared with
# Kind of file -> colour and marker.
KINDS = {
    "float32": ("#4c72b0", "o"),
    "sparse": ("#8172b3", "D"),
    "dynamic": ("#dd8452", "s"),
    "int8": ("#c44e52", "^"),
    "int4": ("#55a868", "v"),
    "int4e": ("#2f7d46", "p"),
}
# Where a label may be, in points from its own: near before far, beside before above and below.
RADII = (7, 14, 22, 32, 44, 58, 74, 92, 112)
ANGLES = (0, 180, 30, -30, 150, -150, 60, -60, 120, -120, 90, -90)


class Point(NamedTuple):
    """One exported file."""

    run: str
    kind: str
    megabytes: float
    accuracy: float

    @property
    def label(self) -> str:
        """Return the run without what all runs share, and the kind of file."""
        run = self.run.removeprefix("intents_").replace("_banking77", "")
        return f"{run} · {self.kind}"


def points() -> list[Point]:
    """Return all files of runs that learn from all rows, if their size is known."""
    return [
        Point(name, artifact.removeprefix("litert_"), megabytes(figures), figures["accuracy"])
        for name, run in read("configs").items()
        if run["split"] == SPLIT and "shots" not in config(name)["data"]
        for artifact, figures in run["artifacts"].items()
        if artifact.startswith("litert_") and megabytes(figures) is not None
    ]


def front(files: list[Point]) -> list[Point]:
    """Return the files that no other one beats in accuracy or size without losing the other."""
    ordered = sorted(files, key=lambda point: (point.megabytes, -point.accuracy))
    best = [0.0, *(max(p.accuracy for p in ordered[: i + 1]) for i in range(len(ordered)))]
    return [p for p, before in zip(ordered, best, strict=False) if p.accuracy > before]


def interval(share: float, rows: int) -> tuple[float, float]:
    """Return the 95 % interval (Wilson) of a share of rows."""
    z = 1.959964
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * math.sqrt(share * (1 - share) / rows + (z / rows / 2) ** 2)
    return middle - half, middle + half


def key() -> str:
    """Return a hash of all that decides the picture."""
    run = read("configs")[FLOAT]
    figures = json.dumps([points(), run["artifacts"]["keras"], run["rows"]])
    with open(__file__, encoding="utf-8") as code:
        return hashlib.sha256((figures + code.read()).encode()).hexdigest()


def current() -> bool:
    """Return whether the file shows the present figures."""
    return PATH.exists() and key() in PATH.read_text(encoding="utf-8")


def write() -> None:
    """Draw the picture."""
    import matplotlib as mpl

    mpl.use("Agg")
    settings = {"svg.hashsalt": "tfapps", "font.family": "DejaVu Sans", "font.size": 9}
    with mpl.rc_context(settings):
        from matplotlib import pyplot

        figure, axes = pyplot.subplots(figsize=(9, 5.4), layout="constrained")
        _frame(axes)
        _float_model(axes)
        files = points()
        for kind, (colour, marker) in KINDS.items():
            some = [point for point in files if point.kind == kind]
            xs, ys = [p.megabytes for p in some], [p.accuracy for p in some]
            axes.scatter(xs, ys, s=26, c=colour, marker=marker, label=f"litert_{kind}", zorder=3)
        best = front(files)
        xs, ys = zip(*_steps(best), strict=True)
        axes.plot(xs, ys, color="#888888", linewidth=1, linestyle=":", zorder=1)
        axes.legend(loc="lower right", ncols=2, fontsize=8, framealpha=1)
        figure.canvas.draw()
        figure.set_layout_engine("none")  # labels must not move the axes any more
        _labels(axes, files, best)
        PATH.parent.mkdir(exist_ok=True)
        metadata = {"Date": None, "Title": "Accuracy by file size", "Identifier": key()}
        figure.savefig(PATH, metadata=metadata)
        pyplot.close(figure)


def _frame(axes: Axes) -> None:
    """Draw axes and titles."""
    axes.set_xscale("log")
    axes.set_xlim(0.28, 150)
    ticks = (0.3, 1, 3, 10, 30, 100)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    files = points()
    axes.set_ylim(math.floor(100 * min(p.accuracy for p in files)) / 100 - 0.005, 0.945)
    axes.set_title(
        "banking77: every exported file, beside the float model", loc="left", fontsize=10
    )
    axes.set_xlabel("size of the file (MB)")
    rows = read("configs")[FLOAT]["rows"]
    axes.set_ylabel(f"accuracy on {SPLIT} ({rows:,} rows)")
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _float_model(axes: Axes) -> None:
    """Draw the Keras model in float32 and its interval."""
    run = read("configs")[FLOAT]
    keras = run["artifacts"]["keras"]
    lowest, highest = interval(keras["accuracy"], run["rows"])
    axes.axhspan(lowest, highest, color="#f2f2f2", zorder=0)
    axes.axhline(keras["accuracy"], color="#222222", linewidth=0.8, linestyle="--", zorder=1)
    axes.scatter(
        megabytes(keras), keras["accuracy"], s=120, c="#222222", marker="*", zorder=4,
        label=f"Keras, float32: {keras['accuracy']:.3f}",
    )  # fmt: skip
    axes.text(
        0.3, highest - 0.0006, "95 % interval of the float model", va="top", fontsize=8,
        color="#666666",
    )  # fmt: skip


def _labels(axes: Axes, files: list[Point], best: list[Point]) -> None:
    """Write the front's labels, then one of each other run, where nothing is hidden."""
    from matplotlib.transforms import Bbox

    at = axes.transData.transform
    places = [(point.megabytes, point.accuracy) for point in files]
    taken = [Bbox.from_extents(x - 5, y - 5, x + 5, y + 5) for x, y in at(places)]
    legend = axes.get_legend().get_window_extent()
    taken += [legend, *(text.get_window_extent() for text in axes.texts)]
    level = at((1, read("configs")[FLOAT]["artifacts"]["keras"]["accuracy"]))[1]
    lines = [Bbox([start, end]).padded(1) for start, end in pairwise(at(_steps(best)))]
    lines.append(Bbox.from_extents(axes.bbox.x0, level - 1, axes.bbox.x1, level + 1))
    shown = {point.run for point in best}
    others: dict[str, Point] = {}
    for point in sorted(files, key=lambda point: point.megabytes):
        if point.run not in shown:
            others.setdefault(point.run, point)
    for point in [*best, *others.values()]:
        weight = "bold" if point in best else "normal"
        taken.append(_label(axes, point, weight, taken, lines))


def _steps(best: list[Point]) -> list[tuple[float, float]]:
    """Return the corners of the line below which a file is beaten by one of the front."""
    corners = [(best[0].megabytes, best[0].accuracy)]
    for point in best[1:]:
        corners += [(point.megabytes, corners[-1][1]), (point.megabytes, point.accuracy)]
    return corners


def _label(axes: Axes, point: Point, weight: str, taken: list[Bbox], lines: list[Bbox]) -> Bbox:
    """Write a label at the best free place; return its extent.

    The best place is near, hides no line, and no other point or label is between it and its point.
    """
    from matplotlib.path import Path
    from matplotlib.text import Text

    renderer = axes.figure.canvas.get_renderer()
    own = axes.transData.transform((point.megabytes, point.accuracy))
    between = [box for box in taken if not box.contains(*own)]
    places = []
    for radius in RADII:
        for angle in ANGLES:
            text = _annotation(axes, point, weight, radius, angle)
            text.update_positions(renderer)
            extent = Text.get_window_extent(text, renderer).padded(1)  # without the line
            text.remove()
            inside = axes.bbox.contains(*extent.min) and axes.bbox.contains(*extent.max)
            if not inside or any(extent.overlaps(other) for other in taken):
                continue
            nearest = [min(max(own[i], extent.min[i]), extent.max[i]) for i in (0, 1)]
            way = Path([own, nearest])
            crossed = sum(way.intersects_bbox(box) for box in between)
            hidden = sum(extent.overlaps(line) for line in lines)
            places.append((radius + 20 * crossed + 10 * hidden, radius, angle, extent))
    if not places:
        raise ValueError(f"no free place near {point.label}; enlarge the picture")
    _, radius, angle, extent = min(places, key=lambda place: place[0])
    _annotation(axes, point, weight, radius, angle)
    return extent


def _annotation(axes: Axes, point: Point, weight: str, radius: int, angle: int) -> Annotation:
    """Write a label at a place, with a line if it is far."""
    x, y = (radius * f(math.radians(angle)) for f in (math.cos, math.sin))
    line = {"arrowstyle": "-", "color": "#999999", "linewidth": 0.5} if radius > 10 else None
    return axes.annotate(
        point.label,
        (point.megabytes, point.accuracy),
        (x, y),
        textcoords="offset points",
        ha="center" if abs(x) < 0.6 * radius else "left" if x > 0 else "right",
        va="center",
        fontsize=8,
        fontweight=weight,
        arrowprops=line,
        zorder=5,
    )
