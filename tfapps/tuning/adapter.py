"""Adapters: a narrow layer after each part of a frozen transformer block."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import Field

from tfapps.errors import InputError
from tfapps.tuning import base
from tfapps.tuning._only import freeze_except
from tfapps.tuning._store import Stored

_PLACE = re.compile(r"block_\d+_(attention|output)_dropout")


class Config(Stored):
    """Where adapters are inserted, and how wide they are.

    Attributes:
        size: width of the adapter.
        form: `houlsby` puts one behind attention and one behind the two dense layers (Houlsby et
            al. 2019), `pfeiffer` the latter alone (Pfeiffer et al. 2021, "AdapterFusion").
        activation: of the adapter.
    """

    tiny: ClassVar = {"size": 4}

    name: str = "adapter"
    size: int = Field(64, ge=1, le=65536)
    form: Literal["houlsby", "pfeiffer"] = "houlsby"
    activation: Literal["relu", "gelu", "tanh"] = "gelu"


def build(config: Config, model: Any) -> Any:
    """Add adapters, which have no effect at first: their second layer starts at zero.

    Raises: InputError if the model has no transformer blocks.
    """
    import keras

    from tfapps.graph.clone import clone
    from tfapps.layers.linear import Linear

    parts = ("attention", "output") if config.form == "houlsby" else ("output",)
    added = []

    def after(layer: Any, x: Any) -> Any:
        place = _PLACE.fullmatch(layer.name)
        if place is None or place.group(1) not in parts:
            return x
        name = layer.name.replace("_dropout", "_adapter")
        added.append(name)
        normal = keras.initializers.TruncatedNormal(stddev=0.02)
        down = Linear(
            config.size, config.activation, kernel_initializer=normal, name=f"{name}_down"
        )(x)
        up = Linear(x.shape[-1], kernel_initializer="zeros", name=f"{name}_up")(down)
        return keras.layers.Add(name=f"{name}_sum")([x, up])

    adapted = clone(model, after=after)
    if not added:
        raise InputError(
            "adapter: the model has no transformer blocks to put adapters in; use model bert, or "
            "another tuning.name"
        )
    return adapted


def apply(config: Config, model: Any) -> Any:
    """Freeze all but adapters, normalisations, the head and new layers."""
    return freeze_except(
        model, lambda path: "_adapter_" in path or path.rsplit("/", 1)[0].endswith("norm")
    )


class Tuner(base.Tuner):
    """The hooks that other packages call."""

    needs = "encoder"
    needs_part = "transformer blocks"
    build = staticmethod(build)
    learning_rate = 2e-3
    apply = staticmethod(apply)
