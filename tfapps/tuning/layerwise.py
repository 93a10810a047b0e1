"""Layer-wise learning rates: the deeper a weight is, the slower it trains."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tfapps.tuning import base
from tfapps.tuning._depth import depths


class Config(base.Config):
    """How much slower each block trains than the one above it.

    Attributes:
        decay: the learning rate of a block divided by that of the block above it; the head's
            rate is the configured one (Howard and Ruder 2018; Clark et al. 2020, "ELECTRA").
    """

    name: str = "layerwise"
    decay: float = Field(0.9, gt=0, le=1)


def apply(config: Config, model: Any) -> Any:
    """Return the model unchanged: every weight trains."""
    return model


def callbacks(config: Config, model: Any, steps: int) -> list[Any]:
    """Return a callback whose `factor` for a weight is decay to the power of its depth."""
    import keras

    depth = depths(model)

    class Rates(keras.callbacks.Callback):
        def factor(self, path: str) -> float:
            return config.decay ** depth(path)

    return [Rates()]


class Tuner(base.Tuner):
    """The hooks that other packages call."""

    apply = staticmethod(apply)
    callbacks = staticmethod(callbacks)
