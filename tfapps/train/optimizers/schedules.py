"""Learning-rate schedules: a linear warm-up, then a straight, cosine or level way down."""

from __future__ import annotations

import math

import keras
from keras import ops

from tfapps.errors import InputError

NAMES = ("linear", "cosine", "constant")


class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate of step 0, 1, ...: rises to `peak` over `warmup`, reaches zero after `total`.

    The first step already moves (rate `peak / warmup`, not zero), and so does the last.

    Example: `WarmUp(1e-3, total=100, warmup=10)(9)` is 1e-3.
    """

    def __init__(self, peak: float, total: int, warmup: int = 0, shape: str = "linear") -> None:
        if shape not in NAMES:
            raise InputError(f"train.schedule: got '{shape}', expected one of {', '.join(NAMES)}")
        self.peak = peak
        self.total = total
        self.warmup = warmup
        self.shape = shape

    def __call__(self, step: object) -> object:
        """Return the learning rate, a float32 scalar, of a step counted from 0."""
        step = ops.cast(step, "float32")
        rise = (step + 1.0) / max(self.warmup, 1)
        done = (step - self.warmup) / max(self.total - self.warmup, 1)
        done = ops.clip(done, 0.0, 1.0)
        if self.shape == "linear":
            fall = 1.0 - done
        elif self.shape == "cosine":
            fall = 0.5 * (1.0 + ops.cos(math.pi * done))
        else:
            fall = ops.ones_like(done)
        return self.peak * ops.where(step < self.warmup, rise, fall)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            "peak": self.peak,
            "total": self.total,
            "warmup": self.warmup,
            "shape": self.shape,
        }


def make(shape: str, peak: float, total: int, warmup: float) -> WarmUp:
    """Return a schedule over `total` optimizer steps with a `warmup` fraction of them."""
    return WarmUp(peak, total, round(warmup * total), shape)
