"""Attributes of a Keras layer that are rounded while the layer is called."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from keras import ops

from tfapps.layers.fake_quant import FakeQuant, weight_quantizer

_calls = threading.local()


class Rounded:
    """An attribute that holds a weight; it is the rounded weight while its layer is called.

    Args:
        axes: of the weight, its output channels: each entry has a range of its own. None are one
            range for the weight.
    """

    def __init__(self, *axes: int) -> None:
        self.axes = axes

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        if layer is None:
            return self
        weight, quantizer = self.weight(layer), self.quantizer(layer)
        if quantizer is None or not is_called(layer):
            return weight
        return by_channel(quantizer, weight, self.axes_of(layer))

    def __set__(self, layer: Any, value: Any) -> None:
        layer.__dict__[self.name] = value

    def weight(self, layer: Any) -> Any:
        """Return the weight as the Keras layer holds it."""
        for kind in type(layer).__mro__:
            attribute = vars(kind).get(self.name)
            if isinstance(attribute, property):
                return attribute.__get__(layer)
        try:
            return layer.__dict__[self.name]
        except KeyError:
            raise AttributeError(f"{layer.name} has no {self.name} until it is built") from None

    def axes_of(self, layer: Any) -> tuple[int, ...]:
        """Return the axes whose entries have a range each."""
        return self.axes if layer.settings.per_channel else ()

    def quantizer(self, layer: Any) -> FakeQuant | None:
        """Return the quantizer of the weight; None without one."""
        return layer.__dict__.get(f"{self.name}_range")

    def add_quantizer(self, layer: Any) -> None:
        """Give the layer a quantizer for the weight, which exists already."""
        name, axes, shape = f"{self.name}_range", self.axes_of(layer), self.weight(layer).shape
        quantizer = weight_quantizer(layer.settings.weight_bits, -1 if axes else None, name=name)
        setattr(layer, name, quantizer)
        if quantizer is not None:
            quantizer.build((math.prod(shape[axis] for axis in axes),))


class BeforeActivation:
    """The activation of a layer; its argument is rounded if the layer has a `before_range`."""

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        if layer is None:
            return self
        function, quantizer = layer.__dict__.get("activation"), layer.before_range
        if quantizer is None or not is_called(layer):
            return function
        return lambda x: function(quantizer(x))

    def __set__(self, layer: Any, value: Any) -> None:
        layer.__dict__["activation"] = value


@functools.cache
def rounded_weights(kind: type) -> tuple[Rounded, ...]:
    """Return the weights that a class of layers rounds."""
    attributes: dict[str, Any] = {}
    for parent in reversed(kind.__mro__):
        attributes |= {k: v for k, v in vars(parent).items() if isinstance(v, Rounded)}
    return tuple(attributes.values())


def by_channel(function: Callable[[Any], Any], weight: Any, axes: tuple[int, ...]) -> Any:
    """Return `function` of a weight, to which it is a matrix with a column for each channel.

    Args:
        axes: of the channels; without any the weight has its own shape.
    """
    x = ops.convert_to_tensor(weight)
    if not axes:
        return function(x)
    rank = len(x.shape)
    last = [axis % rank for axis in axes]
    order = [axis for axis in range(rank) if axis not in last] + last
    shape = [x.shape[axis] for axis in order]
    columns = math.prod(shape[-len(last) :])
    x = function(ops.reshape(ops.transpose(x, order), (-1, columns)))
    return ops.transpose(ops.reshape(x, shape), [order.index(axis) for axis in range(rank)])


class Replaced:
    """An attribute that is another value in the calls of its layer that say so, see `calling`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        if layer is None:
            return self
        return (_call_of(layer) or {}).get(self.name, layer.__dict__.get(self.name))

    def __set__(self, layer: Any, value: Any) -> None:
        layer.__dict__[self.name] = value


@contextmanager
def calling(layer: Any, **values: Any) -> Iterator[None]:
    """Let attributes of a layer be rounded weights, or the values given, in this thread."""
    calls = vars(_calls).setdefault("calls", [])
    calls.append((layer, values))
    try:
        yield
    finally:
        calls.pop()


def is_called(layer: Any) -> bool:
    """Return whether this thread is within a call of the layer."""
    return _call_of(layer) is not None


def _call_of(layer: Any) -> dict[str, Any] | None:
    """Return the values of this thread's last call of the layer."""
    calls = reversed(vars(_calls).get("calls", ()))
    return next((values for other, values in calls if other is layer), None)
