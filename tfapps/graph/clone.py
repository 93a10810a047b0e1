"""A functional model built again with some layers changed, added or left out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from tfapps.graph import heads

Change = Callable[[Any], Mapping[str, Any]]
After = Callable[[Any, Any], Any]


def clone(
    model: Any,
    change: Change = lambda layer: {},
    skip: Collection[str] = (),
    prepare: Callable[[Any], None] = lambda layer: None,
    after: After = lambda layer, output: output,
) -> Any:
    """Build `model` anew; every weight whose path and shape are the same keeps its value.

    Args:
        model: functional, every layer named.
        change: layer -> arguments to replace in its config, empty for none.
        skip: names of layers to leave out: what they would be given first takes their place.
        prepare: sees each new layer before it has weights.
        after: new layer, its output -> what goes on in its place: more layers can be put there.

    Example: `clone(model, lambda layer: {"rate": 0.5} if "dropout" in layer.name else {})`.
    """
    import keras

    def build(layer: Any) -> Any:
        made = layer.__class__.from_config({**layer.get_config(), **change(layer)})
        prepare(made)
        return made

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return args[0] if layer.name in skip else after(layer, layer(*args, **kwargs))

    # A model that was fitted has an optimizer, which Keras would try to copy.
    compiled, model.compiled = model.compiled, False
    try:
        made = keras.models.clone_model(model, clone_function=build, call_function=call)
    finally:
        model.compiled = compiled
    carry(model, made)
    return heads.mark(made, heads.names(model))


def in_float32(model: Any) -> Any:
    """Build `model` anew without mixed precision: as a bundle is opened. Itself if it has none."""
    if not any(_is_mixed(layer) for layer in leaves(model)):
        return model
    return clone(model, lambda layer: {"dtype": "float32"} if _is_mixed(layer) else {})


def _is_mixed(layer: Any) -> bool:
    return layer.compute_dtype != layer.variable_dtype


def carry(source: Any, target: Any) -> None:
    """Copy the values of all weights that both models have under one path with one shape."""
    from tfapps.graph import weights

    there = weights.variables(source)
    for path, weight in weights.variables(target).items():
        if path in there and tuple(there[path].shape) == tuple(weight.shape):
            weight.assign(there[path])


def leaves(model: Any) -> list[Any]:
    """Layers of the graph, those of models nested in it included, but not the parts of a layer."""
    found = []
    for layer in model.layers:
        found += leaves(layer) if hasattr(layer, "layers") else [layer]
    return found
