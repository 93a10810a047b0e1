"""Prefix tuning: a frozen transformer whose attention reads a few learned places as well."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from tfapps.errors import InputError
from tfapps.tuning import base
from tfapps.tuning._only import only
from tfapps.tuning._store import Stored


class Config(Stored):
    """How many places every layer reads beside the text (Li and Liang 2021, "Prefix-Tuning").

    Attributes:
        length: number of places; 0 is none at all.
        hidden: width between the prefix and what it is computed from while it is learned; null
            learns it by itself.
    """

    tiny: ClassVar = {"length": 2, "hidden": 4}

    name: str = "prefix"
    length: int = Field(16, ge=0, le=4096)
    hidden: int | None = Field(256, ge=1, le=65536)


def build(config: Config, model: Any) -> Any:
    """The model whose attention has prefixes.

    Raises: InputError if it has no attention.
    """
    return _with(model, prefix_length=config.length, prefix_hidden=None)


def apply(config: Config, model: Any) -> Any:
    """Freeze all but prefixes, computed from something smaller, the head and what is new."""
    made = _with(model, prefix_hidden=config.hidden) if config.length else model
    return only(made, lambda path: "/prefix/" in path)


def merge(config: Config, model: Any) -> Any:
    """The model with prefixes that are no longer computed from anything."""
    if not config.length or config.hidden is None:
        return model
    made = _with(model, prefix_hidden=None)
    for name, attention in _attentions(model).items():
        made.get_layer(name).prefix.pairs.assign(attention.prefix.learned())
    return made


def stored(config: Config) -> Config:
    """The form that a delta has: the prefixes alone, not what they were computed from."""
    return config.model_copy(update={"hidden": None})


def _attentions(model: Any) -> dict[str, Any]:
    from tfapps.graph.clone import leaves
    from tfapps.layers.attention import SelfAttention

    return {layer.name: layer for layer in leaves(model) if isinstance(layer, SelfAttention)}


def _with(model: Any, **arguments: Any) -> Any:
    from tfapps.graph.clone import clone

    there = _attentions(model)
    if not there:
        raise InputError(
            "prefix: the model has no attention that could read a prefix; use model bert, or "
            "another tuning.name"
        )
    return clone(model, lambda layer: arguments if layer.name in there else {})


class Tuner(base.Tuner):
    """What other packages ask of this file."""

    needs = "encoder"
    needs_part = "attention"
    build = staticmethod(build)
    apply = staticmethod(apply)
    merge = staticmethod(merge)
    stored = staticmethod(stored)
