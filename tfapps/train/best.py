"""The weights that a fit returns: those of its best evaluation, or the mean of several."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from tfapps.train.checkpoint import packed, unpacked
from tfapps.train.evaluation import Evaluation
from tfapps.train.history import History

if TYPE_CHECKING:
    import keras


class Best:
    """Weights of the best evaluations.

    Args:
        count: how many are kept; 1 keeps the best alone.
    """

    def __init__(self, model: keras.Model, count: int) -> None:
        self._model, self._count = model, count
        self._start = model.get_weights()
        self._kept: list[tuple[float, list[np.ndarray]]] = []

    def offer(self, value: float) -> None:
        """Keep the model's weights if `value` is among the highest; earlier equals stay."""
        if math.isnan(value):
            return
        if len(self._kept) == self._count and value <= self._kept[-1][0]:
            return
        self._kept.append((value, self._model.get_weights()))
        self._kept.sort(key=lambda pair: -pair[0])
        del self._kept[self._count :]

    def restore(self) -> None:
        """Give the model its best weights, or the initial ones if there are none."""
        self._model.set_weights(self._kept[0][1] if self._kept else self._start)

    def state(self) -> dict[str, np.ndarray]:
        """Return the kept weights by name."""
        arrays = {"values": np.array([value for value, _ in self._kept], np.float64)}
        if not self._kept:
            arrays |= packed("start", self._start)
        for number, (_, weights) in enumerate(self._kept):
            arrays |= packed(f"kept/{number}", weights)
        return arrays

    def take(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore what `state` returned."""
        self._kept = [
            (float(value), unpacked(f"kept/{number}", arrays))
            for number, value in enumerate(arrays["values"])
        ]
        if not self._kept:
            self._start = unpacked("start", arrays)

    @property
    def several(self) -> bool:
        """Return whether there are several sets of weights to average."""
        return len(self._kept) > 1

    def average(self, history: History, judge: Callable[[], Evaluation]) -> float:
        """Give the model the mean of the kept weights, if it is better than the best of them.

        Returns the headline of the mean. Source: Vaswani et al. 2017, "Attention Is All You Need",
        section 6.1.
        """
        means = []
        for values in zip(*(weights for _, weights in self._kept), strict=True):
            mean = np.mean(np.stack(values), axis=0, dtype=np.float64)
            # Counters and masks are not averaged: those of the best evaluation stay.
            exact = not np.issubdtype(values[0].dtype, np.floating)
            means.append(values[0] if exact else mean.astype(values[0].dtype))
        self._model.set_weights(means)
        value = judge().metrics[history.headline]
        if history.beaten_by(value):
            history.best, history.averaged = value, len(self._kept)
        else:
            self.restore()
        return value
