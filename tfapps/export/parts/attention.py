"""Edge form of attention for integer files: a padding mask that leaves the scores their bits."""

from __future__ import annotations

from typing import Any

MASKED = -24.0  # exp(-24) is nothing, and a range of 24 still tells scores apart


def soften_masks(model: Any) -> int:
    """Lower the masks of `model` in place: -10000 takes a whole integer range.

    Returns how many attention masks there were; those of the pooling are lowered too.
    """
    from tfapps.layers.attention_bias import AttentionBias
    from tfapps.layers.pooling import Pooling

    masks = [x for x in model._flatten_layers() if isinstance(x, (AttentionBias, Pooling))]
    for layer in masks:
        layer.blocked = MASKED
    return sum(isinstance(layer, AttentionBias) for layer in masks)


def is_stock(model: Any) -> bool:
    """Return whether a model has layers of Keras whose sums and softmax need floats."""
    import keras

    kinds = (
        keras.layers.MultiHeadAttention,
        keras.layers.GroupQueryAttention,
        keras.layers.Attention,
        keras.layers.AdditiveAttention,
        keras.layers.LayerNormalization,
        keras.layers.RMSNormalization,
    )
    return any(isinstance(layer, kinds) for layer in model._flatten_layers())
