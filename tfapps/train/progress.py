"""What a person sees while a model is fitted: a bar on a terminal, else a line per epoch."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TextIO


def line(
    epoch: int,
    epochs: int,
    *,
    loss: float,
    metrics: Mapping[str, float],
    learning_rate: float,
    examples_per_second: float,
    seconds: float,
) -> str:
    """One epoch in one line.

    Example: `epoch 2/4  loss 0.412  accuracy 0.901  lr 3.1e-05  214 examples/s  63 s`
    """
    parts = [f"epoch {epoch}/{epochs}", f"loss {loss:.3f}"]
    parts += [f"{name} {value:.3f}" for name, value in metrics.items()]
    parts += [
        f"lr {learning_rate:.1e}",
        f"{examples_per_second:.0f} examples/s",
        f"{seconds:.0f} s",
    ]
    return "  ".join(parts)


class Progress:
    """Writes to `stream` (standard error by default): tqdm if it is a terminal, else lines."""

    def __init__(self, epochs: int, steps: int, stream: TextIO | None = None) -> None:
        self.epochs, self.steps = epochs, steps
        self.stream = sys.stderr if stream is None else stream
        self.terminal = bool(getattr(self.stream, "isatty", lambda: False)())
        self._bar = None

    def start(self, epoch: int) -> None:
        """Epoch `epoch`, counted from 1, begins."""
        if self.terminal:
            from tqdm import tqdm

            self._bar = tqdm(
                total=self.steps,
                desc=f"epoch {epoch}/{self.epochs}",
                unit="step",
                file=self.stream,
                dynamic_ncols=True,
                leave=False,
            )

    def step(self) -> None:
        """One optimizer step was issued."""
        if self._bar is not None:
            self._bar.update(1)

    def figures(self, loss: float, examples_per_second: float) -> None:
        """Newest loss and speed, at the end of the bar."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {loss:.3f}, {examples_per_second:.0f} examples/s")

    def end(self, text: str) -> None:
        """The epoch is over and judged: leave its line."""
        self.close()
        print(text, file=self.stream, flush=True)

    def close(self) -> None:
        """Take the bar away, if there is one."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
