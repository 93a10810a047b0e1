"""What compressors and exporters ask of a layer with quantizers."""

from __future__ import annotations

from typing import Any


class Quantized:
    """A layer whose weights are rounded to the grid of an integer type.

    Compressors and exporters call these hooks for every layer of a model that is an instance.
    Quantizers of activations are layers of their own (`FakeQuant`) and need no hook.
    """

    def settle_ranges(self) -> None:
        """Update the ranges of the weights to the weights, which training changed since."""

    def round_weights(self) -> None:
        """Round the weights to their grids; they can be trained further."""

    def bake(self) -> None:
        """Round the weights permanently and switch their quantizers off."""
        self.round_weights()

    def equalize_input(self) -> None:
        """Move a part of the imbalance of the input's channels into the weights, if supported."""


def in_model(model: Any) -> list[Quantized]:
    """Return the layers of a model that round their weights, sublayers included."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, Quantized)]
