"""The table that `tfapps.verify_litert` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfapps.edge.reports import FileReport, OutputReport

ABSENT = "-"


def lines(reports: Mapping[str, FileReport], metric: str) -> str:
    """Return a line for each output of each file, with a header and aligned columns.

    Args:
        metric: what the metric is called.
    """
    several = any(len(report.outputs) > 1 for report in reports.values())
    measured = any(report.drop is not None for report in reports.values())
    header = ["file", *["output"] * several, "difference", "relative", "agreement"]
    header += [metric, "drop"] * measured + ["partitions", "bytes", "p50 ms"]
    rows = [header]
    for name, report in reports.items():
        for number, (output, values) in enumerate(report.outputs.items()):
            costs = [str(report.partitions), f"{report.bytes:,}", f"{report.p50_ms:.3f}"]
            cells = [name, *[output] * several, *_figures(values, measured), *costs]
            rows.append(cells if not number else ["", *cells[1:-3], "", "", ""])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i <= several else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _figures(values: OutputReport, measured: bool) -> list[str]:
    figures = [f"{values.largest_difference:.2e}", f"{values.relative_difference:.2e}"]
    figures.append(_shown(values.agreement, ".2%"))
    if measured:
        figures += [_shown(values.metric, ".4f"), _shown(values.drop, ".4f")]
    return figures


def _shown(value: Any, form: str) -> str:
    return ABSENT if value is None else format(value, form)
