"""Which ranks of low-rank kernels matter: the budget of AdaLoRA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from tfapps.tuning._products import products

FACTORS = ("down", "values", "up")


def allowed(step: int, steps: int, start: int, end: int, warmup: float, settled: float) -> int:
    """Return how many ranks are open at a step: `start` at first, then a cubic decay to `end`.

    Example: `allowed(0, 100, 12, 8, 0.1, 0.4)` is 12, `allowed(60, 100, 12, 8, 0.1, 0.4)` is 8.
    """
    first, last = warmup * steps, (1 - settled) * steps
    if step >= last:
        return end
    remaining = 1 - max(step - first, 0) / (last - first)
    return round(end + (start - end) * remaining**3)


def best(scores: Mapping[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    """Return masks by kernel: 1 for the `count` highest of all scores (r,), 0 for the others."""
    flat = np.concatenate(list(scores.values()))
    mask = np.zeros_like(flat)
    mask[np.argsort(-flat, kind="stable")[:count]] = 1.0
    ends = np.cumsum([len(score) for score in scores.values()])[:-1]
    return dict(zip(scores, np.split(mask, ends), strict=True))


class Budget(keras.callbacks.Callback):
    """Tracks the importance of all ranks of low-rank kernels and closes the least important ones.

    Create it in the scope of the strategy.

    Args:
        config: of `adalora`.
        model: with low-rank kernels of singular values.
        steps: optimizer steps of the whole fit.
    """

    def __init__(self, config: Any, model: Any, steps: int) -> None:
        super().__init__()
        parts = {path: part.low_rank for path, part in products(model).items()}
        self.kernels = {path: low for path, low in parts.items() if low is not None}
        self.config, self.steps = config, steps
        self.start = sum(low.rank for low in self.kernels.values())
        self.end = config.rank * len(self.kernels)
        self.weights = {
            weight.path: weight
            for low in self.kernels.values()
            for weight in (getattr(low, name) for name in FACTORS)
        }
        self.importance = self._notes("importance")
        self.doubt = self._notes("doubt")

    def _notes(self, name: str) -> dict[str, keras.Variable]:
        """Return a zero variable of the shape of every weight."""
        return {
            path: keras.Variable(
                np.zeros(weight.shape, "float32"),
                trainable=False,
                aggregation="only_first_replica",
                name=f"{name}_{number}",
            )
            for number, (path, weight) in enumerate(self.weights.items())
        }

    def watch(self, gradients: Mapping[str, Any]) -> None:
        """Update how much the loss would change without each entry, smoothed over steps."""
        keep = self.config.smoothing
        for path, weight in self.weights.items():
            importance, doubt = self.importance[path], self.doubt[path]
            weight = ops.cast(ops.convert_to_tensor(weight), "float32")
            now = ops.abs(weight * ops.cast(gradients[path], "float32"))
            mean = keep * ops.convert_to_tensor(importance) + (1 - keep) * now
            doubt.assign(keep * ops.convert_to_tensor(doubt) + (1 - keep) * ops.abs(now - mean))
            importance.assign(mean)

    def on_train_begin(self, logs: Any = None) -> None:
        self.step, self.open, self.settled = 0, self.start, False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.step += 1
        config = self.config
        if self.settled or self.step <= config.warmup * self.steps:
            return
        self.settled = self.step >= (1 - config.settled) * self.steps
        if self.step % config.every == 0 or self.settled:
            self._decide()

    def _decide(self) -> None:
        """Close all but the most important ranks; the last decision is final."""
        shares = (self.config.warmup, self.config.settled)
        self.open = allowed(self.step, self.steps, self.start, self.end, *shares)
        masks = best({path: self._score(low) for path, low in self.kernels.items()}, self.open)
        for path, low in self.kernels.items():
            # Before the last decision a closed rank may reopen: its value still trains.
            low.values.assign(low.values.numpy() * masks[path])
            if self.settled:
                low.gate.assign(masks[path])

    def _score(self, low: Any) -> np.ndarray:
        """Return (r,): the importance of each rank's singular value plus that of its vectors."""
        down, values, up = (
            np.asarray(self.importance[path]) * np.asarray(self.doubt[path])
            for path in (getattr(low, name).path for name in FACTORS)
        )
        return values + down.mean(axis=0) + up.mean(axis=1)

    def state(self) -> dict[str, np.ndarray]:
        """Return what the next decision depends on, for a checkpoint."""
        notes = {"importance": self.importance, "doubt": self.doubt}
        counts = np.array([self.step, self.open, self.settled], np.int64)
        return {"counts": counts} | {
            f"{name} {path}": note.numpy()
            for name, variables in notes.items()
            for path, note in variables.items()
        }

    def take(self, state: Mapping[str, np.ndarray]) -> None:
        """Resume from what `state` returned."""
        self.step, self.open, settled = (int(count) for count in state["counts"])
        self.settled = bool(settled)
        for name, variables in (("importance", self.importance), ("doubt", self.doubt)):
            for path, note in variables.items():
                note.assign(state[f"{name} {path}"])

    def scalars(self) -> dict[str, float]:
        """Return the number of open ranks, for TensorBoard."""
        return {"ranks": float(self.open)}
