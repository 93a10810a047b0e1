"""Ranges of all quantizers of a model: of activations from batches, of weights from weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tfapps.layers.quantized import in_model as rounding


def calibrate(model: Any, batches: Iterable[Any]) -> None:
    """Set the ranges of activations from batches of features."""
    from tfapps.layers.fake_quant import in_model

    moving = [quantizer for quantizer in in_model(model) if quantizer.kind in ("moving", "all")]
    for quantizer in moving:
        quantizer.seen = []
    _settle_ranges(model)
    for features in batches:
        model(features, training=False)
    for layer in rounding(model):
        layer.equalize_input()
    _settle_ranges(model)
    for quantizer in moving:
        ranges, quantizer.seen = quantizer.seen, None
        if ranges:
            quantizer.learn(ranges)


def settle(model: Any) -> None:
    """Update the ranges of weights and round the weights to their grids, after training.

    Weights between two grid points could be rounded up in one graph and down
    in another.
    """
    _settle_ranges(model)
    for layer in rounding(model):
        layer.round_weights()


def _settle_ranges(model: Any) -> None:
    for layer in rounding(model):
        layer.settle_ranges()
