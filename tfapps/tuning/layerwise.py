"""Layer-wise learning rates: the further down a weight lies, the slower it learns."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tfapps.tuning import base
from tfapps.tuning._depth import depths


class Config(base.Config):
    """How much slower each block learns than the one above it.

    Attributes:
        decay: the learning rate of a block in shares of that of the block above it; the head's
            rate is that of the config (Howard and Ruder 2018; Clark et al. 2020, "ELECTRA").
    """

    name: str = "layerwise"
    decay: float = Field(0.9, gt=0, le=1)


def apply(config: Config, model: Any) -> Any:
    """The model as it is: everything trains."""
    return model


def callbacks(config: Config, model: Any, steps: int) -> list[Any]:
    """One whose `factor` slows a weight down: decay to the power of its depth."""
    import keras

    depth = depths(model)

    class Rates(keras.callbacks.Callback):
        def factor(self, path: str) -> float:
            return config.decay ** depth(path)

    return [Rates()]


class Tuner(base.Tuner):
    """What other packages ask of this file."""

    apply = staticmethod(apply)
    callbacks = staticmethod(callbacks)
