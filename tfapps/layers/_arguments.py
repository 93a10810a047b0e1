"""Layers whose config consists of their constructor's arguments."""

from __future__ import annotations

import inspect
from typing import Any

import keras

OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Arguments(keras.layers.Layer):
    """A layer that holds every argument of its constructor in an attribute of the same name."""

    def get_config(self) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for kind in type(self).__mro__:
            if kind is Arguments:
                break
            parameters = inspect.signature(kind.__init__).parameters.values()
            names = [p.name for p in parameters if p.name != "self" and p.kind not in OPEN]
            arguments |= {name: _plain(getattr(self, name)) for name in names}
        return {**super().get_config(), **arguments}


def _plain(value: Any) -> Any:
    if isinstance(value, keras.initializers.Initializer):
        return keras.initializers.serialize(value)
    return value
