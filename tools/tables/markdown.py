"""What the tables share: the results, and markdown."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tools.blocks import ROOT

RESULTS = ROOT / "benchmarks/results"


@functools.cache
def read(name: str) -> dict[str, Any]:
    """Return a file of benchmarks/results/ by its name without `.json`."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a markdown table.

    Args:
        titles: of the columns; a colon at the end is left out and aligns numbers to the right.
        rows: the cells of each row, already formatted.

    Raises:
        ValueError: a row has another number of cells than there are titles.
    """
    rules = ["---:" if title.endswith(":") else "---" for title in titles]
    lines = [[title.removesuffix(":") for title in titles], rules, *rows]
    for line in lines:
        if len(line) != len(rules):
            raise ValueError(f"a row has {len(line)} cells, the table {len(rules)} columns: {line}")
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


def percent(share: float, digits: int = 1) -> str:
    """Return a share as the pages write it."""
    return f"{100 * share:.{digits}f} %"


def megabytes(figures: Mapping[str, Any]) -> float | None:
    """Return the size of an artefact; None if it is not known."""
    return figures["bytes"] / 1e6 if "bytes" in figures else figures.get("megabytes")
