"""Freezes all weights but selected ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tfapps.graph import heads

# New layers besides the heads, which no preset has weights for: pooling, the case of words.
NEW = ("pool", "case_embeddings")


def is_new(model: Any) -> Callable[[str], bool]:
    """Return path of a weight -> whether it is newly initialized, so every tuner must train it."""
    in_head = heads.of(model)
    return lambda path: in_head(path) or path.startswith(NEW)


def freeze_except(model: Any, trains: Callable[[str], bool]) -> Any:
    """Freeze every weight that is not new and whose path `trains` does not select."""
    new = is_new(model)
    for weight in model.trainable_variables:
        weight.trainable = new(weight.path) or trains(weight.path)
    return model
