"""Gives the stock Keras layers of a model their fake quantizers, in place."""

from __future__ import annotations

import fnmatch
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import keras

from tfapps.compress.stock import twins
from tfapps.compress.stock.places import Graph, is_graph, is_plain
from tfapps.compress.stock.twins import base
from tfapps.compress.stock.twins.base import Merge, Place, Settings, Twin
from tfapps.compress.stock.twins.custom import Custom, Declared, StatesWeights
from tfapps.layers.quantized import Quantized

PACKAGE, NAME = "tfapps", "Quantized"  # what Keras writes into a saved model


def quantize(model: Any, settings: Settings) -> Any:
    """Turn the layers of a functional or Sequential model into their twins, in place.

    Returns:
        The model. A model with a config of its own, such as a KerasHub backbone, becomes a twin
        itself, so that it is saved with its settings.
    """
    if not is_plain(model):
        adopt(model, Composite, settings, Place())
    else:
        quantize_graph(model, settings)
    return model


def quantize_graph(model: Any, settings: Settings) -> None:
    """Turn the layers of a graph into their twins, in place."""
    chosen = {}
    for layer in _leaves(model):
        twin, layer.__dict__["stays_float"] = choose(layer, settings)
        if twin is not None:
            chosen[id(layer)] = twin
    decisions = Graph(model, chosen).decide()
    for layer in _leaves(model):
        decision = decisions.get(id(layer))
        if decision is None:
            continue
        if decision.place is None:
            layer.__dict__["stays_float"] = decision.reason
        else:
            adopt(layer, chosen[id(layer)], settings, decision.place)


def quantize_sublayers(layer: Any, settings: Settings) -> None:
    """Turn the layers within a layer into their twins, in place.

    What lies between them is unknown, so each rounds its own input and output, and sums and the
    like stay float.
    """
    for sublayer in layer._flatten_layers(include_self=False, recursive=False):
        if is_plain(sublayer):
            quantize_graph(sublayer, settings)
            continue
        twin, sublayer.__dict__["stays_float"] = choose(sublayer, settings)
        if twin is not None and issubclass(twin, Merge):
            sublayer.__dict__["stays_float"] = "what it reads may be float"
        elif twin is not None:
            adopt(sublayer, twin, settings, Place())


def choose(layer: Any, settings: Settings) -> tuple[type[Twin] | None, str]:
    """Return the twin of a layer, or None and the reason why it stays float; empty: by its kind."""
    if any(matches(layer, pattern) for pattern in settings.keep_float):
        return None, "keep_float"
    if isinstance(layer, Quantized):
        return None, ""
    twin = twin_of(layer)
    if twin is None:
        inner = any(choose(part, settings)[0] for part in _parts(layer))
        return (Composite, "") if inner else (None, "")
    if twin.bits_of(settings) is None:
        return None, f"{twin.bits_from} is None"
    reason = twin.refuses(layer)
    return (None, reason) if reason else (twin, "")


def twin_of(layer: Any) -> type[Twin] | None:
    """Return the twin of a layer, of the Keras class whose `call` and `build` it has."""
    if isinstance(layer, StatesWeights):
        return Custom
    kind = type(layer)
    for parent in kind.__mro__:
        if parent in all_twins():
            same = kind.call is parent.call and kind.build is parent.build
            return all_twins()[parent] if same else None
    return None


def matches(layer: Any, pattern: str) -> bool:
    """Return whether a pattern is for a layer: it matches its name, or its path."""
    return any(fnmatch.fnmatchcase(name or "", pattern) for name in (layer.name, layer.path))


@functools.cache
def all_twins() -> dict[type, type[Twin]]:
    """Return the twin of every class of Keras that has one: the folder is the list."""
    by_class = {}
    for module in pkgutil.iter_modules(twins.__path__):
        loaded = importlib.import_module(f"{twins.__name__}.{module.name}")
        for _, twin in inspect.getmembers(loaded, inspect.isclass):
            if issubclass(twin, Twin):
                by_class |= dict.fromkeys(twin.of, twin)
    return by_class


def adopt(layer: Any, twin: type[Twin], settings: Settings, place: Place) -> None:
    """Turn a layer into its twin, in place; one that is not built yet gets its quantizers then."""
    stock = keras.saving.serialize_keras_object(layer)
    declared = tuple(layer.quantized_weights()) if twin is Custom else ()
    layer.__class__ = _both(twin, type(layer), declared)
    state = {"settings": settings, "place": place, "stays_float": ""}
    state["stock"] = {key: stock[key] for key in ("module", "class_name", "config")}
    state["stock"]["registered_name"] = stock.get("registered_name")
    layer.__dict__.update(state)
    if layer.built:
        layer._tracker.unlock()
        try:
            base.add_quantizers(layer)
        finally:
            layer._lock_state()


class Composite(Twin):
    """A layer or model that consists of layers: they become twins, and it calls them as before."""

    def add_quantizers(self) -> None:
        if is_graph(self):
            quantize_graph(self, self.settings)
        else:
            quantize_sublayers(self, self.settings)

    def stock_config(self) -> dict[str, Any]:
        return {**self.stock["config"], "trainable": self.trainable}


@functools.cache
def _both(twin: type[Twin], stock: type, declared: tuple[str, ...]) -> type:
    """Return the class of a quantized layer: a Keras layer with the methods of its twin.

    All have one registered name; the config says which layer it is.

    Args:
        declared: the attributes of a custom layer that hold its weights.
    """
    members = {
        "__doc__": f"`{stock.__name__}` with fake quantizers, see `tfapps.quantize`.",
        "__module__": __name__,
        "from_config": classmethod(_from_config),
        **{name: Declared() for name in declared},
    }
    kind = type(NAME + stock.__name__, (twin, stock), members)
    return keras.saving.register_keras_serializable(PACKAGE, NAME)(kind)


def _from_config(cls: type, config: dict[str, Any]) -> Any:
    layer = keras.saving.deserialize_keras_object(config["layer"])
    settings, place = dict(config["settings"]), dict(config["place"])
    settings["keep_float"], place["inputs"] = tuple(settings["keep_float"]), tuple(place["inputs"])
    adopt(layer, twin_of(layer) or Composite, Settings(**settings), Place(**place))
    return layer


@keras.saving.register_keras_serializable(PACKAGE, NAME)
class Saved:
    """What Keras knows by the registered name until a layer is quantized."""

    from_config = classmethod(_from_config)

    def get_config(self) -> dict[str, Any]:
        """Return nothing: there is no such object."""
        return {}


def _parts(layer: Any) -> Iterator[Any]:
    """Yield the layers directly within a layer."""
    yield from layer._flatten_layers(include_self=False, recursive=False)


def _leaves(model: Any) -> Iterator[Any]:
    """Yield the layers of a model and of plain models nested in it, but not sublayers."""
    for layer in model.layers:
        if is_plain(layer):
            yield from _leaves(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer
