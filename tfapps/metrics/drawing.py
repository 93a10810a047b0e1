"""What all pictures share: figures without a screen, names on axes, colours, PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfapps.metrics import fonts

LONGEST = 36  # letters of a name; longer ones lose their middle


def figure(width: float, height: float) -> Any:
    """Return a figure of so many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def png(figure: Any) -> bytes:
    """Return a figure as a picture."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return buffer.getvalue()


def ticks(axis: Any, names: Sequence[str], **look: Any) -> None:
    """Write names on an axis, unparsed: `$` starts no formula."""
    names = fonts.drawable(names)
    look |= {"fontfamily": fonts.families(names), "parse_math": False}
    axis.set_ticks(range(len(names)), names, **look)


def colours(count: int) -> list[Any]:
    """Return a number of distinct colours."""
    import matplotlib

    if count <= 10:
        return list(matplotlib.colormaps["tab10"].colors[:count])
    return list(matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, count)))


def shortened(name: str, longest: int = LONGEST) -> str:
    """Return a name of at most so many letters; a longer one loses its middle."""
    if len(name) <= longest:
        return name
    start = (longest - 1) // 2
    return f"{name[:start]}…{name[len(name) - (longest - 1 - start) :]}"
