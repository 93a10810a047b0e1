"""LSTM, GRU and SimpleRNN; a Bidirectional layer holds two of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from tfapps.compress.stock.rounded import Replaced, by_channel, calling
from tfapps.compress.stock.twins import base
from tfapps.layers import lstm
from tfapps.layers.fake_quant import FakeQuant, weight_quantizer

# Functions with values in (-1, 1), so that the range of the state is known.
BOUNDED = ("tanh", "sigmoid", "hard_sigmoid", "hard_tanh", "softsign")
STATE = (-1.0, 127 / 128)


def unbounded(layer: Any) -> str:
    """Return why the state of a layer cannot be rounded; empty if it can."""
    name = base.name_of(layer.activation)
    reason = f"activation={name!r} does not bound its state; use 'tanh'"
    return "" if name in BOUNDED else reason


class LSTM(base.Twin, lstm.LSTM):
    """The LSTM of `tfapps.layers`: LiteRT has an integer form of it."""

    of = (keras.layers.LSTM,)

    @classmethod
    def refuses(cls, layer: Any) -> str:
        if layer.dropout or layer.recurrent_dropout:
            return "it has dropout within its steps; put a Dropout layer in front of it"
        if base.name_of(layer.activation) != "tanh":
            return unbounded(layer) or "its activation is not 'tanh'"
        return ""

    def add_quantizers(self) -> None:
        self.cell._tracker.unlock()
        self.set_bits(self.settings.weight_bits, self.settings.activation_bits)
        if self.input_range is not None:
            self.input_range.warm = True
        self.build_quantizers((None, None, self.cell.kernel.shape[0]))
        self.cell._lock_state()

    def stock_config(self) -> dict[str, Any]:
        return keras.layers.LSTM.get_config(self)


class _Cell:
    """A cell that reads the rounded kernels of its layer, and rounds its state."""

    kernel, recurrent_kernel = Replaced(), Replaced()
    state_range: FakeQuant | None = None

    def call(self, inputs: Any, states: Any, training: bool = False) -> tuple[Any, Any]:
        output, (state, *others) = super().call(inputs, states, training=training)
        if self.state_range is None:
            return output, [state, *others]
        state = self.state_range(state)
        return state, [state, *others]


class Recurrent(base.Leaf):
    """Both kernels are rounded before the loop, the input too; the state in every step."""

    of = (keras.layers.GRU, keras.layers.SimpleRNN)

    @classmethod
    def refuses(cls, layer: Any) -> str:
        return unbounded(layer)

    def add_quantizers(self) -> None:
        self.use_cudnn = False
        cell = self.cell
        cell.__class__ = type(f"Rounded{type(cell).__name__}", (_Cell, type(cell)), {})
        self.input_range = self.value_quantizer("input_range")
        axis = -1 if self.settings.per_channel else None
        for name in ("kernel", "recurrent_kernel"):
            quantizer = weight_quantizer(self.settings.weight_bits, axis, name=f"{name}_range")
            quantizer.build(getattr(cell, name).shape)
            setattr(self, f"{name}_range", quantizer)
        if self.settings.activation_bits is not None:
            bits = self.settings.activation_bits
            self.state_range = FakeQuant(bits, "fixed", start=STATE, name="state_range")
            self.state_range.build(())
            cell.__dict__["state_range"] = self.state_range  # it is a layer of this one

    def call(self, sequences: Any, *args: Any, **kwargs: Any) -> Any:
        return super(base.Leaf, self).call(sequences, *args, **kwargs)

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> Any:
        if self.input_range is not None:
            sequences = self.input_range(sequences)
            initial_state = [self.state_range(state) for state in initial_state]
        kernels = {
            name: by_channel(quantizer, weight, axes)
            for name, (weight, quantizer, axes) in self._kernels().items()
        }
        with calling(self.cell, **kernels):
            return super().inner_loop(sequences, initial_state, mask, training)

    def _kernels(self) -> dict[str, tuple[Any, FakeQuant, tuple[int, ...]]]:
        axes = (-1,) if self.settings.per_channel else ()
        return {
            name: (getattr(self.cell, name), getattr(self, f"{name}_range"), axes)
            for name in ("kernel", "recurrent_kernel")
        }

    def _quantized_weights(self) -> Iterator[tuple[Any, FakeQuant, tuple[int, ...]]]:
        return iter(self._kernels().values())
