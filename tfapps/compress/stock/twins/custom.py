"""Custom layers that say what of them can be rounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from tfapps.compress.stock.rounded import Rounded
from tfapps.compress.stock.twins import base


@runtime_checkable
class StatesWeights(Protocol):
    """A layer of the user's that states which of its weights can be rounded."""

    def quantized_weights(self) -> Mapping[str, Sequence[int]]:
        """Return {attribute: axes of the output channels} of these weights."""
        ...


class Declared(Rounded):
    """A weight that a custom layer names in `quantized_weights`."""

    def axes_of(self, layer: Any) -> tuple[int, ...]:
        declared = layer.quantized_weights()[self.name]
        return tuple(declared) if layer.settings.per_channel else ()


class Custom(base.Leaf):
    """A layer with a method `quantized_weights`.

    The method returns {attribute: axes} of its weights; the entries of these axes of a weight are
    the output channels, which have a range each. In a call of the layer the attributes are the
    rounded weights; its input and its output are rounded around the call.
    """
