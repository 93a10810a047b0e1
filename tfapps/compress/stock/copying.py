"""Copies a model of stock Keras layers."""

from __future__ import annotations

from typing import Any

import keras

from tfapps.compress.stock.places import is_plain
from tfapps.errors import InputError


def copy(model: Any) -> Any:
    """Return a model of the same layers with the same weights, not compiled.

    Raises:
        InputError: a copy of the model has other weights.
    """
    compiled, model.compiled = model.compiled, False  # Keras would copy the optimizer
    try:
        if is_plain(model):
            result = keras.models.clone_model(model)
        else:
            result = type(model).from_config(model.get_config())
    finally:
        model.compiled = compiled
    shapes = [[tuple(v.shape) for v in each.variables] for each in (result, model)]
    if shapes[0] != shapes[1]:
        raise InputError(
            f"{model.name}: a copy of the model has other weights; get_config of a custom layer "
            "has to return every argument of its constructor"
        )
    for target, source in zip(result.variables, model.variables, strict=True):
        target.assign(source)
    return result
