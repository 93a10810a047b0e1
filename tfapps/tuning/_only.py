"""Some weights learn, the others stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# What no pre-training has seen: a head, pooling with weights, a channel put beside the words.
NEW = ("head", "pool", "case_embeddings")


def is_new(path: str) -> bool:
    """Whether the weight at `path` starts from nothing, so that every tuner has to train it."""
    return path.startswith(NEW)


def only(model: Any, trains: Callable[[str], bool]) -> Any:
    """Freeze every weight whose path `trains` does not name and that is not new."""
    for weight in model.trainable_variables:
        weight.trainable = is_new(weight.path) or trains(weight.path)
    return model
