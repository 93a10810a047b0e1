"""What `tfapps.verify_litert` returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class OutputReport:
    """How an output of a file compares with that of the model.

    Attributes:
        largest_difference: largest |difference| of a value.
        relative_difference: that, divided by the largest |value| of the model.
        agreement: share of the rows with the same largest entry; None for one value a row.
        metric: of the file; None without targets.
        drop: how much worse the metric is than that of the model.
    """

    largest_difference: float
    relative_difference: float
    agreement: float | None
    metric: float | None = None
    drop: float | None = None


@dataclass(frozen=True)
class FileReport:
    """How a LiteRT file compares with the model, and what it costs.

    Attributes:
        path: the file.
        bytes: its size.
        partitions: pieces of the graph that XNNPACK takes; 1 is best.
        p50_ms: median latency of one row on one thread.
        outputs: by name.
    """

    path: Path
    bytes: int
    partitions: int
    p50_ms: float
    outputs: Mapping[str, OutputReport]

    @property
    def largest_difference(self) -> float:
        """Return that of the output that differs most."""
        return max(output.largest_difference for output in self.outputs.values())

    @property
    def relative_difference(self) -> float:
        """Return that of the output that differs most."""
        return max(output.relative_difference for output in self.outputs.values())

    @property
    def agreement(self) -> float | None:
        """Return that of the output that agrees least; None if no output has classes."""
        return _extreme(min, [output.agreement for output in self.outputs.values()])

    @property
    def drop(self) -> float | None:
        """Return the largest drop of a metric; None without targets."""
        return _extreme(max, [output.drop for output in self.outputs.values()])

    @property
    def metric(self) -> float | None:
        """Return the metric of the output with the largest drop; None without targets."""
        measured = [output for output in self.outputs.values() if output.drop is not None]
        return max(measured, key=lambda output: output.drop).metric if measured else None


def _extreme(choose: Callable[..., float], values: list[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return choose(numbers) if numbers else None
