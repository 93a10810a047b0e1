"""Training progress: a bar on a terminal, else a line per evaluation."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TextIO

from tfapps.train.history import short


def line(
    epoch: float,
    epochs: int,
    *,
    loss: float,
    metrics: Mapping[str, float],
    learning_rate: float,
    per_second: float,
    seconds: float,
    unit: str,
) -> str:
    """Return one evaluation as one line.

    Example: `epoch 2/4  loss 0.412  accuracy 0.901  lr 3.1e-05  214 examples/s  63 s`
    """
    parts = [f"epoch {short(epoch)}/{epochs}", f"loss {loss:.3f}"]
    parts += [f"{name} {value:.3f}" for name, value in metrics.items()]
    parts += [
        f"lr {learning_rate:.1e}",
        f"{per_second:.0f} {unit}/s",
        f"{seconds:.0f} s",
    ]
    return "  ".join(parts)


class Progress:
    """Writes to `stream` (standard error by default): tqdm if it is a terminal, else lines.

    Speed is shown in `unit` per second.
    """

    def __init__(
        self, epochs: int, steps: int, unit: str = "examples", stream: TextIO | None = None
    ) -> None:
        self.epochs, self.steps, self.unit = epochs, steps, unit
        self.stream = sys.stderr if stream is None else stream
        self.terminal = bool(getattr(self.stream, "isatty", lambda: False)())
        self._bar = None

    def start(self, epoch: int) -> None:
        """Begin epoch `epoch`, counted from 1."""
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
        """Count one optimizer step."""
        if self._bar is not None:
            self._bar.update(1)

    def figures(self, loss: float, per_second: float) -> None:
        """Show the newest loss and speed at the end of the bar."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {loss:.3f}, {per_second:.0f} {self.unit}/s")

    def say(self, text: str) -> None:
        """Print a line, above the bar if there is one."""
        if self._bar is None:
            print(text, file=self.stream, flush=True)
        else:
            self._bar.write(text, file=self.stream)

    def end(self, text: str) -> None:
        """End the epoch and print its line."""
        self.close()
        self.say(text)

    def close(self) -> None:
        """Remove the bar, if there is one."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
