"""Outputs of a model: one array, or several by name; the same is done to each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def map_arrays(function: Callable[..., Any], *outputs: Any) -> Any:
    """Apply `function` to the arrays that belong together, in the form of the first.

    Example: `each(np.add, {"a": x, "b": y}, {"a": 1, "b": 2})` is `{"a": x + 1, "b": y + 2}`.
    """
    if not isinstance(outputs[0], dict):
        return function(*outputs)
    return {name: function(*(output[name] for output in outputs)) for name in outputs[0]}


def as_list(outputs: Any) -> list[Any]:
    """Return the arrays, in the order of their names."""
    if not isinstance(outputs, dict):
        return [outputs]
    return [outputs[name] for name in sorted(outputs)]
