"""The depth of weights below the heads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tfapps.tuning._only import is_new
from tfapps.tuning.freeze import block


def depths(model: Any) -> Callable[[str], int]:
    """Return path of a weight -> depth: 0 for heads, 1 for the top block, ..., embeddings last.

    Example: with two blocks `block_0_attention/qkv/kernel` has depth 2, `embeddings/token` 3.
    """
    numbers = sorted({n for w in model.weights if (n := block(w.path)) is not None}, reverse=True)
    above = {number: place for place, number in enumerate(numbers, start=1)}

    new = is_new(model)

    def depth(path: str) -> int:
        if new(path):
            return 0
        return above.get(block(path), len(above) + 1)

    return depth
