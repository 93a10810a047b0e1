"""Edge form of attention for integer files: a padding mask that leaves the scores their bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MASKED = -24.0  # exp(-24) is nothing, and a range of 24 still tells scores apart


def soften_masks(model: Any) -> int:
    """Lower the masks of `model` in place: -10000 takes a whole integer range.

    Returns how many attention masks there were; those of the pooling are lowered too.
    """
    from tfapps.layers import attention_bias, pooling

    count = 0
    for layer in model._flatten_layers():
        if isinstance(layer, attention_bias.AttentionBias):
            layer.call = _lowered(layer.call, attention_bias)
            count += 1
        elif isinstance(layer, pooling.Pooling):
            layer.call = _lowered(layer.call, pooling)
    return count


def _lowered(plain: Callable[..., Any], module: Any) -> Callable[..., Any]:
    """`plain` with `module.BLOCKED` at `MASKED` for as long as it is traced."""

    def call(*args: Any, **kwargs: Any) -> Any:
        kept = module.BLOCKED
        module.BLOCKED = MASKED
        try:
            return plain(*args, **kwargs)
        finally:
            module.BLOCKED = kept

    return call
