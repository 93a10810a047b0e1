"""Rebuilds a functional model with some layers changed, added or skipped."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from tfapps.graph import heads
from tfapps.graph.precision import precision

Change = Callable[[Any], Mapping[str, Any]]
After = Callable[[Any, Any], Any]


def clone(
    model: Any,
    change: Change = lambda layer: {},
    skip: Collection[str] = (),
    prepare: Callable[[Any], None] = lambda layer: None,
    after: After = lambda layer, output: output,
) -> Any:
    """Rebuild `model`; every weight whose path and shape are unchanged keeps its value.

    Args:
        model: functional, every layer named.
        change: layer -> arguments to replace in its config, empty for none.
        skip: names of layers to leave out; their first input replaces their output.
        prepare: called with each new layer before it has weights.
        after: new layer, its output -> the output to use instead, e.g. of additional layers.

    Example: `clone(model, lambda layer: {"rate": 0.5} if "dropout" in layer.name else {})`.
    """
    import keras

    def build(layer: Any) -> Any:
        result = layer.__class__.from_config({**layer.get_config(), **change(layer)})
        prepare(result)
        return result

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return args[0] if layer.name in skip else after(layer, layer(*args, **kwargs))

    # A model that was fitted has an optimizer, which Keras would try to copy.
    compiled, model.compiled = model.compiled, False
    try:
        result = keras.models.clone_model(model, clone_function=build, call_function=call)
    finally:
        model.compiled = compiled
    carry(model, result)
    return heads.mark(result, heads.names(model))


def in_float32(model: Any) -> Any:
    """Return a float32 copy of a mixed-precision model, as a bundle is opened; others unchanged."""
    if not any(_is_mixed(layer) for layer in leaves(model)):
        return model
    with precision("float32"):  # of the layers within layers too, such as quantizers
        return clone(model, lambda layer: {"dtype": "float32"} if _is_mixed(layer) else {})


def _is_mixed(layer: Any) -> bool:
    return layer.compute_dtype != layer.variable_dtype


def carry(source: Any, target: Any) -> None:
    """Copy the values of all weights with the same path and shape in both models."""
    from tfapps.graph import weights

    source_variables = weights.variables(source)
    for path, weight in weights.variables(target).items():
        if path in source_variables and tuple(source_variables[path].shape) == tuple(weight.shape):
            weight.assign(source_variables[path])


def leaves(model: Any) -> list[Any]:
    """Return the layers of the graph and of models nested in it, but not sublayers."""
    layers = []
    for layer in model.layers:
        layers += leaves(layer) if hasattr(layer, "layers") else [layer]
    return layers
