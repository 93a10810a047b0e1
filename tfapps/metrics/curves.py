"""Curves of a metric against a strength or a share, as PNG bytes."""

from __future__ import annotations

from collections.abc import Mapping

from tfapps.metrics import drawing

Curves = Mapping[str, Mapping[str, float]]


def panels_png(panels: Mapping[str, Curves], metric: str, title: str = "") -> bytes:
    """Draw a metric against numbers given as strings, in panels side by side.

    Args:
        panels: {label of the x axis: {name: {number: metric}}}. A name has the same colour in all.
        title: above all panels.
    """
    figure = drawing.figure(2.5 + 4.5 * len(panels), 4.5)
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    colours = dict(zip(names, drawing.colours(len(names)), strict=True))
    alike = all(list(curves) == names for curves in panels.values())
    first = None
    for place, (across, curves) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(1, len(panels), place, sharey=first)
        axes.grid(color="0.93")
        for name, points in curves.items():
            label = name if first is None or not alike else None
            places = [float(x) for x in points]
            axes.plot(places, list(points.values()), "o-", color=colours[name], label=label)
        axes.set_xlabel(across)
        if not alike:
            axes.legend(loc="lower left", fontsize=9)
        first = first or axes
    first.set_ylabel(metric)
    if title:
        figure.suptitle(title, fontsize=11)
    if alike:
        figure.legend(loc="outside right upper", fontsize=9)
    return drawing.png(figure)
