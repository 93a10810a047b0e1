"""Prefix tuning: the attention of a frozen transformer also reads a few learned positions."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from tfapps.errors import InputError
from tfapps.tuning import base
from tfapps.tuning._only import freeze_except
from tfapps.tuning._store import Stored


class Config(Stored):
    """How many positions every layer reads besides the text (Li and Liang 2021, "Prefix-Tuning").

    Attributes:
        length: number of positions; 0 for none.
        hidden: hidden width of the network that computes the prefix during training; null
            trains the prefix directly.
    """

    tiny: ClassVar = {"length": 2, "hidden": 4}

    name: str = "prefix"
    length: int = Field(16, ge=0, le=4096)
    hidden: int | None = Field(256, ge=1, le=65536)


def build(config: Config, model: Any) -> Any:
    """Return the model with prefixes in its attention.

    Raises: InputError if it has no attention.
    """
    return _with(model, prefix_length=config.length, prefix_hidden=None)


def apply(config: Config, model: Any) -> Any:
    """Freeze all but prefixes (reparametrized by `hidden`), the head and new layers."""
    tuned = _with(model, prefix_hidden=config.hidden) if config.length else model
    return freeze_except(tuned, lambda path: "/prefix/" in path)


def merge(config: Config, model: Any) -> Any:
    """Return the model with plain prefixes, no longer computed from others."""
    if not config.length or config.hidden is None:
        return model
    merged = _with(model, prefix_hidden=None)
    for name, attention in _attentions(model).items():
        merged.get_layer(name).prefix.pairs.assign(attention.prefix.learned())
    return merged


def stored(config: Config) -> Config:
    """Return the config of a delta file: only prefixes, not the network that computes them."""
    return config.model_copy(update={"hidden": None})


def _attentions(model: Any) -> dict[str, Any]:
    from tfapps.graph.clone import leaves
    from tfapps.layers.attention import SelfAttention

    return {layer.name: layer for layer in leaves(model) if isinstance(layer, SelfAttention)}


def _with(model: Any, **arguments: Any) -> Any:
    from tfapps.graph.clone import clone

    attentions = _attentions(model)
    if not attentions:
        raise InputError(
            "prefix: the model has no attention that could read a prefix; use model bert, or "
            "another tuning.name"
        )
    return clone(model, lambda layer: arguments if layer.name in attentions else {})


class Tuner(base.Tuner):
    """The hooks that other packages call."""

    needs = "encoder"
    needs_part = "attention"
    build = staticmethod(build)
    learning_rate = 2e-3
    apply = staticmethod(apply)
    merge = staticmethod(merge)
    stored = staticmethod(stored)
