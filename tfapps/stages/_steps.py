"""Progress of work that is counted in steps: a bar on a terminal, else a line for each part."""

from __future__ import annotations

import sys
import time
from typing import Any, Self, TextIO


class Steps:
    """Writes to `stream` (standard error by default): tqdm if it is a terminal, else lines.

    Args:
        total: steps of all parts.

    Example:
        >>> with Steps(2) as progress:
        ...     progress.step()
        ...     progress.end("first part: accuracy 0.9000")
        1/2 steps  first part: accuracy 0.9000  3 s
    """

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        self.total, self.count = total, 0
        self.stream = sys.stderr if stream is None else stream
        self.started = time.perf_counter()
        self._bar: Any = None

    def __enter__(self) -> Self:
        if getattr(self.stream, "isatty", lambda: False)():
            from tqdm import tqdm

            self._bar = tqdm(
                total=self.total, unit="step", file=self.stream, dynamic_ncols=True, leave=False
            )
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, count: int = 1) -> None:
        """Count steps."""
        self.count += count
        if self._bar is not None:
            self._bar.update(count)

    def end(self, text: str) -> None:
        """Show what a part of the work has come to: above the bar, or with the steps so far."""
        if self._bar is not None:
            self._bar.write(text, file=self.stream)
            return
        seconds = time.perf_counter() - self.started
        line = f"{self.count}/{self.total} steps  {text}  {seconds:.0f} s"
        print(line, file=self.stream, flush=True)
