"""The contract of a twin: a Keras layer that rounds its weights, inputs and outputs in training.

A file of this folder holds subclasses of `Product`, `Merge` or `Twin`, each of which names the
classes of `keras.layers` that it stands for. A layer becomes a twin in place (`stock.adopt`): it
keeps its name, its weights and its place in the graph, and its class becomes a subclass of both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import keras

from tfapps.compress.stock.rounded import (
    BeforeActivation,
    by_channel,
    calling,
    rounded_weights,
)
from tfapps.errors import InputError
from tfapps.layers.fake_quant import FakeQuant, value_quantizer
from tfapps.layers.quantized import Quantized

BITS = (2, 8)  # fewest and most
# Functions that the integer product includes: the range is that of their output.
FUSED = ("linear", "relu", "relu6")
# Functions that are computed between two ranges.
BETWEEN = ("gelu", "silu", "swish")


@dataclass(frozen=True)
class Settings:
    """How many bits are used, see `tfapps.quantize`."""

    weight_bits: int = 8
    activation_bits: int | None = 8
    embedding_bits: int | None = 8
    per_channel: bool = True
    keep_float: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("weight_bits", "activation_bits", "embedding_bits"):
            bits = getattr(self, name)
            if bits is None and name != "weight_bits":
                continue
            if not isinstance(bits, int) or not BITS[0] <= bits <= BITS[1]:
                raise InputError(f"{name}: got {bits!r}, expected {BITS[0]} to {BITS[1]}")


@dataclass(frozen=True)
class Place:
    """Which tensors around a layer are rounded by it.

    Attributes:
        inputs: kind of the quantizer of each input, see `FakeQuant`; None: it is rounded already.
        output: False if the layer behind it rounds what both compute together, such as a ReLU.
    """

    inputs: tuple[str | None, ...] = ("moving",)
    output: bool = True


class Twin(Quantized):
    """A Keras layer with fake quantizers.

    Attributes:
        of: the classes of Keras that it stands for; their subclasses are custom layers.
        bits_from: the setting without which the layer stays float.
        settings: how many bits are used.
        place: which tensors it rounds.
        stock: the class of the Keras layer, as Keras serializes it.
    """

    of: ClassVar[tuple[type, ...]] = ()
    bits_from: ClassVar[str] = "weight_bits"
    settings: Settings
    place: Place
    stock: dict[str, Any]

    @classmethod
    def refuses(cls, layer: Any) -> str:
        """Return why a layer of these classes has to stay float; empty if it need not."""
        return ""

    @classmethod
    def bits_of(cls, settings: Settings) -> int | None:
        """Return the bits of the layer, which stays float without."""
        return getattr(settings, cls.bits_from)

    def add_quantizers(self) -> None:
        """Make the quantizers; called once, as soon as the layer has its weights."""
        raise NotImplementedError

    # Keras

    def _post_build(self) -> None:
        super()._post_build()
        add_quantizers(self)

    def get_config(self) -> dict[str, Any]:
        return {
            "layer": {**self.stock, "config": self.stock_config()},
            "settings": asdict(self.settings),
            "place": asdict(self.place),
        }

    def stock_config(self) -> dict[str, Any]:
        """Return the config of the Keras layer."""
        return super().get_config()


def add_quantizers(layer: Any) -> None:
    """Let a twin make its quantizers, whose weights are called after the path of the layer."""
    parent, _, name = (layer.path or layer.name).rpartition("/")
    with keras.name_scope(name, override_parent=parent):
        layer.add_quantizers()


class Leaf(Twin):
    """A twin that rounds its own tensors; a twin of a layer that holds layers lets them do it."""

    input_ranges: tuple[FakeQuant | None, ...] = ()
    output_range: FakeQuant | None = None

    def add_quantizers(self) -> None:
        for weight in rounded_weights(type(self)):
            weight.add_quantizer(self)
        ranges = []
        for index, kind in enumerate(self.place.inputs):
            name = f"input_range_{index}" if index else "input_range"
            ranges.append(None if kind is None else self.value_quantizer(name, kind))
            setattr(self, name, ranges[-1])
        self.input_ranges = tuple(ranges)
        if self.place.output:
            self.add_output_quantizers()

    def add_output_quantizers(self) -> None:
        """Make the quantizers of what the layer computes."""
        self.output_range = self.value_quantizer("output_range")

    def value_quantizer(self, name: str, kind: str = "moving") -> FakeQuant | None:
        """Return a new quantizer of activations; None if they stay float."""
        bits, warm = self.settings.activation_bits, kind == "moving"
        quantizer = value_quantizer(bits, kind, name=name, warm=warm, dtype=self.dtype_policy)
        if quantizer is not None:
            quantizer.build(())
        return quantizer

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        inputs = self.rounded_inputs(inputs)
        with calling(self):
            outputs = super().call(inputs, *args, **kwargs)
        return outputs if self.output_range is None else self.output_range(outputs)

    def rounded_inputs(self, inputs: Any) -> Any:
        """Return the inputs, rounded where the place of the layer says so."""
        ranges = iter(self.input_ranges)

        def rounded(x: Any) -> Any:
            quantizer = next(ranges, None)
            return x if quantizer is None else quantizer(x)

        return keras.tree.map_structure(rounded, inputs)

    def bake(self) -> None:
        """Round the weights permanently and switch their quantizers off."""
        self.round_weights()
        for _, quantizer, _ in self._quantized_weights():
            quantizer.off = True

    def round_weights(self) -> None:
        """Round the weights to their grids."""
        for weight, quantizer, axes in self._quantized_weights():
            weight.assign(by_channel(quantizer, weight, axes))

    def settle_ranges(self) -> None:
        """Update the ranges of the weights to the weights."""
        for weight, quantizer, axes in self._quantized_weights():

            def settle(x: Any, quantizer: FakeQuant = quantizer) -> Any:
                quantizer.settle(x)
                return x

            by_channel(settle, weight, axes)

    def _quantized_weights(self) -> Iterator[tuple[Any, FakeQuant, tuple[int, ...]]]:
        for attribute in rounded_weights(type(self)):
            quantizer = attribute.quantizer(self)
            if quantizer is not None:
                yield attribute.weight(self), quantizer, attribute.axes_of(self)


class Product(Leaf):
    """A layer with a kernel: a product of integers."""

    activation = BeforeActivation()
    before_range: FakeQuant | None = None

    @classmethod
    def rounds_output(cls, layer: Any) -> bool:
        """Return whether the output is rounded, if it is not fused with the next layer."""
        return name_of(layer.activation) in (*FUSED, *BETWEEN)

    def add_output_quantizers(self) -> None:
        if name_of(self.activation) not in FUSED:
            self.before_range = self.value_quantizer("before_range")
        if self.rounds_output(self):
            self.output_range = self.value_quantizer("output_range")


class Merge(Leaf):
    """A layer without a kernel; it becomes integer where all its inputs are."""

    bits_from = "activation_bits"


def name_of(activation: Any) -> str:
    """Return the name of an activation function, `linear` of None."""
    if activation is None:
        return "linear"
    return getattr(activation, "__name__", type(activation).__name__)
