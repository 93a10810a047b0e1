"""Gradual unfreezing: the head first, then block by block from the top."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tfapps.tuning import base
from tfapps.tuning._depth import depths


class Config(base.Config):
    """When the next block joins (Howard and Ruder 2018, "Universal Language Model Fine-tuning").

    Attributes:
        share: share of all steps before every block trains; the blocks join at equal intervals.
    """

    name: str = "gradual"
    share: float = Field(0.5, gt=0, le=1)


def apply(config: Config, model: Any) -> Any:
    """Return the model unchanged: no weight is frozen permanently."""
    return model


def settled(config: Config, epochs: int) -> float:
    """Return the epoch when the last block joins: early stopping counts from there."""
    return config.share * epochs


def callbacks(config: Config, model: Any, steps: int) -> list[Any]:
    """Return a callback whose `factor` is 0 for a weight until its block joins.

    The optimizer tracks the gradients of a weight before it updates it, so its first steps are
    no larger than later ones.
    """
    import keras

    depth = depths(model)
    deepest = max(depth(weight.path) for weight in model.trainable_variables)
    joins = [round(config.share * steps * place / deepest) for place in range(deepest + 1)]
    gates = [
        keras.Variable(0.0, trainable=False, name=f"gate_{place}") for place in range(deepest + 1)
    ]

    class Unfreeze(keras.callbacks.Callback):
        def factor(self, path: str) -> Any:
            return gates[depth(path)].value

        def on_train_begin(self, logs: Any = None) -> None:
            self.step = 0

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            for gate, join in zip(gates, joins, strict=True):
                if join == self.step:
                    gate.assign(1.0)
            self.step += 1

        def state(self) -> dict[str, Any]:
            """Return the step and the open gates, for a checkpoint."""
            return {"step": self.step, "gates": [gate.numpy() for gate in gates]}

        def take(self, state: Any) -> None:
            """Resume from what `state` returned."""
            self.step = int(state["step"])
            for gate, value in zip(gates, state["gates"], strict=True):
                gate.assign(value)

        def scalars(self) -> dict[str, float]:
            """Return how many blocks train, for TensorBoard."""
            return {"blocks_that_learn": float(sum(gate.numpy() for gate in gates[1:]))}

    return [Unfreeze()]


class Tuner(base.Tuner):
    """The hooks that other packages call."""

    apply = staticmethod(apply)
    callbacks = staticmethod(callbacks)
    settled = staticmethod(settled)
