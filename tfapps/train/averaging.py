"""Weights averaged along one fit: exponentially from step to step, or over its last epochs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfapps.config.sections import TrainConfig
from tfapps.train.checkpoint import packed, unpacked


def callbacks(config: TrainConfig, model: keras.Model) -> list[keras.callbacks.Callback]:
    """Return the averaging callbacks of a config; call it in the scope of the strategy."""
    if config.ema is not None:
        return [Exponential(model, config.ema)]
    if config.swa is not None:
        return [LastEpochs(model, config.swa, config.epochs)]
    return []


class Averaged(keras.callbacks.Callback):
    """Base: a second set of weights, which is evaluated and saved instead of the first."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__()
        self.learned = model.trainable_variables
        self.means = [
            keras.Variable(weight.numpy(), trainable=False, name=f"mean_{number}")
            for number, weight in enumerate(self.learned)
        ]
        self.count, self.steps = 0, 0

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Give the model the averaged weights in this context, as soon as there are any."""
        if not self.count:
            yield
            return
        originals = [weight.numpy() for weight in self.learned]
        for weight, mean in zip(self.learned, self.means, strict=True):
            weight.assign(mean.numpy())
        try:
            yield
        finally:
            for weight, value in zip(self.learned, originals, strict=True):
                weight.assign(value)

    def state(self) -> dict[str, np.ndarray]:
        """Return the means, and how many sets of weights they average."""
        counts = {"count": np.array(self.count), "steps": np.array(self.steps)}
        return counts | packed("means", [mean.numpy() for mean in self.means])

    def take(self, state: Mapping[str, np.ndarray]) -> None:
        """Resume from what `state` returned."""
        self.count, self.steps = int(state["count"]), int(state["steps"])
        for mean, value in zip(self.means, unpacked("means", state), strict=True):
            mean.assign(value)

    @tf.function(reduce_retracing=True, autograph=False)
    def _follow(self, share: tf.Tensor) -> None:
        """Move the means by `share` of the distance to the current weights."""
        for weight, mean in zip(self.learned, self.means, strict=True):
            old = tf.cast(mean.value, tf.float32)
            new = tf.cast(weight.value, tf.float32)
            mean.value.assign(tf.cast(old + share * (new - old), mean.dtype))


class Exponential(Averaged):
    """An exponential moving average (Polyak and Juditsky 1992).

    The first steps have a smaller decay, so that the initial weights fade quickly.
    """

    def __init__(self, model: keras.Model, decay: float) -> None:
        super().__init__(model)
        self.decay = decay

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.count += 1
        decay = min(self.decay, (1 + self.count) / (10 + self.count))
        self._follow(tf.constant(1 - decay))


class LastEpochs(Averaged):
    """The mean of the weights at the end of each late epoch (Izmailov et al. 2018, "SWA")."""

    def __init__(self, model: keras.Model, start: float, epochs: int) -> None:
        super().__init__(model)
        self.first = start * epochs

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.steps += 1
        epoch_steps = self.params["steps"]
        if self.steps % epoch_steps == 0 and self.steps // epoch_steps > self.first:
            self.count += 1
            self._follow(tf.constant(1 / self.count))
