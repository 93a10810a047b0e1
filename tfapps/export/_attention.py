"""Edge form of attention for integer files: a padding mask that leaves the scores their bits."""

from __future__ import annotations

from typing import Any

MASKED = -24.0  # exp(-24) is nothing, and a range of 24 still tells scores apart


def soften_masks(model: Any) -> int:
    """Lower the mask of `model` in place (-10000 takes a whole integer range); returns how many."""
    from tfapps.layers import attention_bias

    factor = MASKED / attention_bias.BLOCKED
    count = 0
    for layer in model._flatten_layers():
        if isinstance(layer, attention_bias.AttentionBias):
            plain = layer.call
            layer.call = lambda mask, plain=plain: plain(mask) * factor
            count += 1
    return count
