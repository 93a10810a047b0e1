"""Layers of `tfapps.layers`, made again with bits in their config."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

    from tfapps.compress.stock.twins.base import Settings

# Layers that do not change values at inference.
TRANSPARENT = ("Dropout", "Identity")


def rebuild(
    model: keras.Model, settings: Settings, everything: bool, products: bool
) -> keras.Model | None:
    """Return the model with quantizers in the layers of `tfapps.layers`; None if it has none.

    Args:
        everything: also round attention scores and weights, and the sums between blocks.
        products: round the products of LSTMs too, where both of their factors are integers.

    Raises:
        InputError: a pattern of `keep_float` matches no layer.
    """
    from tfapps.graph.clone import clone, leaves

    float_layers = _matching(model, settings.keep_float)
    change = functools.partial(
        _change,
        settings=settings,
        everything=everything,
        products=products and not everything and settings.activation_bits is not None,
        float_layers=float_layers,
    )
    own = any(change(layer) for layer in leaves(model))
    return clone(model, change) if own else None


def _change(
    layer: Any,
    settings: Settings,
    everything: bool,
    products: bool,
    float_layers: Collection[str],
) -> dict[str, Any]:
    """Return the arguments to replace in the config of a layer of `tfapps.layers`."""
    ours = any(kind.__module__.startswith("tfapps.layers") for kind in type(layer).__mro__)
    if layer.name in float_layers or not ours:
        return {}
    bits, per_channel = settings.activation_bits, settings.per_channel
    arguments = layer.get_config()
    product = "weight_bits" in arguments
    done = everything and "quantize_input" in arguments and _follows_a_norm(layer, float_layers)
    values = {
        "weight_bits": settings.embedding_bits if _is_table(layer) else settings.weight_bits,
        "activation_bits": bits if product or everything else None,
        "quantize_scores": everything,
        "per_channel": per_channel,
        "quantize_input": not done,
        "equalize": per_channel and not everything,
        # A translator's LSTMs run step by step and have products in any case.
        "quantize_products": products or arguments.get("quantize_products"),
    }
    return {key: value for key, value in values.items() if key in arguments}


def _matching(model: keras.Model, patterns: Sequence[str]) -> set[str]:
    """Return the names of the layers that match a pattern; each pattern must match one."""
    from tfapps.errors import InputError
    from tfapps.graph.clone import leaves

    names = [layer.name for layer in leaves(model)]
    sublayers = [
        name for layer in model._flatten_layers() for name in (layer.name, layer.path) if name
    ]
    for pattern in patterns:
        if not fnmatch.filter([*names, *sublayers], pattern):
            raise InputError(
                f"qat.keep_float: {pattern!r} matches no layer; expected a pattern of layer names: "
                f"{', '.join(names[:12])}, ..."
            )
    return {name for pattern in patterns for name in fnmatch.filter(names, pattern)}


def _is_table(layer: Any) -> bool:
    return "Embedding" in type(layer).__name__


def _follows_a_norm(layer: Any, float_layers: Collection[str]) -> bool:
    """Return whether the layer's first input comes from a normalisation, which quantizes it."""
    tensor = layer.input
    while True:
        if isinstance(tensor, list | tuple | dict):
            tensor = next(iter(tensor.values() if isinstance(tensor, dict) else tensor))
        source = tensor._keras_history.operation
        if type(source).__name__ not in TRANSPARENT:
            return type(source).__name__ == "LayerNorm" and source.name not in float_layers
        tensor = source.input
