"""Train only the head, or the head and the top blocks; all lower weights are frozen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import model_validator

from tfapps.errors import InputError
from tfapps.tuning import base
from tfapps.tuning._only import is_new
from tfapps.tuning._store import Stored

_BLOCK = re.compile(r"(?:block|lstm)_(\d+)(?:_|$)")


class Config(Stored):
    """`train: head`, or `train: top` with the number of blocks in `layers`."""

    name: str = "freeze"
    train: Literal["head", "top"] = "head"
    layers: int | None = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Config:
        if self.train == "top" and (self.layers is None or self.layers < 1):
            raise ValueError(f"layers: got {self.layers}, expected 1 or more with 'train: top'")
        if self.train == "head" and self.layers is not None:
            raise ValueError(f"layers: got {self.layers} with 'train: head'; add 'train: top'")
        return self

    @property
    def head_alone(self) -> bool:
        """Return whether only the head trains."""
        return self.train == "head"


def block(name: str) -> int | None:
    """Return the number of the encoder block that the layer called `name` belongs to.

    Example: `block("block_3_attention")` is 3, `block("head_logits")` is None.
    """
    match = _BLOCK.match(name)
    return int(match.group(1)) if match else None


def apply(config: Config, model: Any) -> Any:
    """Freeze the layers that should not train; return the same model.

    Raises: InputError with the number of blocks if `layers` exceeds it, or if no layer is left
    to train.
    """
    layers = list(_leaves(model))
    numbers = sorted({n for layer in layers if (n := block(layer.name)) is not None})
    lowest = None
    if config.train == "top":
        count = config.layers or 0
        if not 1 <= count <= len(numbers):
            raise InputError(
                f"tuning.layers: got {count}, expected 1 to {len(numbers)}: "
                f"the model has {len(numbers)} blocks"
            )
        lowest = numbers[-count]
    new = is_new(model)
    for layer in layers:
        number = block(layer.name)
        in_top = lowest is not None and number is not None and number >= lowest
        layer.trainable = in_top or new(layer.name)
    if not model.trainable_variables:
        raise InputError(
            "tuning.train: the model has no head (a newly initialized layer), so there is "
            "nothing to train; use another tuning.name"
        )
    return model


def _leaves(model: Any) -> Iterator[Any]:
    """Yield the layers of a model and of models nested in it, but not sublayers."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _leaves(layer)
        else:
            yield layer


class Tuner(base.Tuner):
    """The hooks that other packages call."""

    learning_rate = 2e-3
    apply = staticmethod(apply)
