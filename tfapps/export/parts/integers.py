"""Edge form of a model that was trained with quantizers."""

from __future__ import annotations

from typing import Any

import numpy as np

# A factor of hardly more than one: a product with it stays float, and so does what is before it.
ISLAND = float(np.nextafter(np.float32(1), np.float32(2)))


def rounds_activations(model: Any) -> bool:
    """Return whether the model was trained with ranges for what its kernels are multiplied with."""
    from tfapps.layers.fake_quant import in_model

    return any(quantizer.kind != "last" for quantizer in in_model(model))


def bake(model: Any) -> None:
    """Round the weights once and for all and switch all quantizers off, in place.

    What is left is a float model whose weights lie on the grids of their training, from which a
    symmetric quantizer gets back the same integers.
    """
    from tfapps.layers import quantized
    from tfapps.layers.fake_quant import in_model

    for layer in quantized.in_model(model):
        layer.bake()
    for quantizer in in_model(model):
        quantizer.off = True


def integers(model: Any) -> None:
    """Make the converter compute with integers where the model was trained to, in place.

    Weights are rounded, and activations get the operation that the converter knows. What lies
    between two products inside a layer (softmax, GELU, products of activations) is float: so
    XNNPACK takes the graph as a whole, which integer forms of these would cut into pieces, and an
    LSTM keeps its gates exact. A table that gives logits as well is read as it is, or it would be
    kept once more, in the steps of what reads it.
    """
    from tfapps.layers.fake_quant import in_model

    bake(model)
    for quantizer in in_model(model):
        if quantizer.kind != "last":
            quantizer.off, quantizer.native = False, _operation
            if quantizer.equalize:
                quantizer.equalize = bool(np.any(np.asarray(quantizer.gain) != 1))
    for layer in model._flatten_layers():
        for part in (layer, getattr(layer, "cell", None)):
            if hasattr(part, "island"):
                part.island = ISLAND


def _operation(x: Any, low: Any, high: Any, bits: int, narrow: bool) -> Any:
    import tensorflow as tf

    return tf.quantization.fake_quant_with_min_max_vars(
        x, low, high, num_bits=bits, narrow_range=narrow
    )
