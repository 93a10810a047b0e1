"""Labels near the points of a picture: where each is written so that none covers another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

GAP = 2.0  # pixels between the marker of a point and its label
# Sides of a point that are tried, in this order: (across, up), in units of the label's size.
SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))


class Box(NamedTuple):
    """A rectangle, in pixels."""

    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: Box) -> bool:
        """Return whether both share more than an edge."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )

    def inside(self, other: Box) -> bool:
        """Return whether nothing of it is outside of the other."""
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.bottom >= other.bottom
            and self.top <= other.top
        )


def places(
    points: Sequence[tuple[float, float]],
    radii: Sequence[float],
    sizes: Sequence[tuple[float, float]],
    bounds: Box,
) -> list[Box | None]:
    """Return where the label of each point is written; None if there is no room for it.

    No label covers another or a point. The first points are served first.

    Args:
        points: in pixels.
        radii: of their markers.
        sizes: width and height of each label.
        bounds: what no label leaves.
    """
    taken = [
        Box(x - radius, y - radius, x + radius, y + radius)
        for (x, y), radius in zip(points, radii, strict=True)
    ]
    chosen: list[Box | None] = []
    for point, radius, size in zip(points, radii, sizes, strict=True):
        boxes = [_beside(point, radius + GAP, size, side) for side in SIDES]
        box = next(
            (b for b in boxes if b.inside(bounds) and not any(b.overlaps(t) for t in taken)), None
        )
        chosen.append(box)
        if box is not None:
            taken.append(box)
    return chosen


def _beside(
    point: tuple[float, float], gap: float, size: tuple[float, float], side: tuple[int, int]
) -> Box:
    (x, y), (width, height), (across, up) = point, size, side
    middle_x, middle_y = x + across * (gap + width / 2), y + up * (gap + height / 2)
    return Box(
        middle_x - width / 2, middle_y - height / 2, middle_x + width / 2, middle_y + height / 2
    )


class Point(NamedTuple):
    """A point of a picture, in units of the axes, and what is written beside it.

    Attributes:
        size: of its marker, in points.
    """

    x: float
    y: float
    label: str
    colour: Any
    size: float


def write(axes: Any, points: Sequence[Point]) -> None:
    """Write labels beside points of axes whose limits are set."""
    figure = axes.figure
    figure.draw_without_rendering()  # places the axes
    pixels = [tuple(axes.transData.transform((point.x, point.y))) for point in points]
    texts = [
        axes.annotate(
            point.label,
            (point.x, point.y),
            (0, 0),
            textcoords="offset points",
            fontsize=7,
            color=point.colour,
        )
        for point in points
    ]
    sizes = []
    for text in texts:
        text.set_parse_math(False)
        text.set_in_layout(False)
        extent = text.get_window_extent()
        sizes.append((extent.width, extent.height))
    window = axes.get_window_extent()
    bounds = Box(window.x0, window.y0, window.x1, window.y1)
    scale = 72 / figure.dpi
    radii = [point.size / 2 / scale for point in points]
    boxes = places(pixels, radii, sizes, bounds)
    for text, (x, y), box in zip(texts, pixels, boxes, strict=True):
        if box is None:
            text.remove()
            continue
        text.set_position(((box.left - x) * scale, (box.bottom - y) * scale))
