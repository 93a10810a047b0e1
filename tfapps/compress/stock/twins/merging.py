"""Layers without weights: sums, concatenation, pooling, activations, upsampling."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tfapps.compress.stock.twins import base

# Of `keras.layers.Activation`: others are computed in float.
ROUNDED = ("relu", "relu6", "gelu", "silu", "swish")


class Merge(base.Merge):
    """A layer whose output is rounded."""

    of = (
        layers.Add,
        layers.Concatenate,
        layers.ReLU,
        layers.LeakyReLU,
        layers.AveragePooling1D,
        layers.AveragePooling2D,
        layers.GlobalAveragePooling1D,
        layers.GlobalAveragePooling2D,
        layers.GlobalAveragePooling3D,
        layers.UpSampling2D,
    )


class Activation(base.Merge):
    """An activation whose output is rounded."""

    of = (keras.layers.Activation,)

    @classmethod
    def refuses(cls, layer: Any) -> str:
        name = base.name_of(layer.activation)
        return "" if name in ROUNDED else f"{name} is computed in float"
