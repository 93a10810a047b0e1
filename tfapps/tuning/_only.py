"""Some weights learn, the others stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tfapps.graph import heads

# What no pre-training has seen beside the heads: pooling with weights, a channel beside the words.
NEW = ("pool", "case_embeddings")


def is_new(model: Any) -> Callable[[str], bool]:
    """Path of a weight -> whether it starts from nothing, so that every tuner has to train it."""
    in_head = heads.of(model)
    return lambda path: in_head(path) or path.startswith(NEW)


def only(model: Any, trains: Callable[[str], bool]) -> Any:
    """Freeze every weight whose path `trains` does not name and that is not new."""
    new = is_new(model)
    for weight in model.trainable_variables:
        weight.trainable = new(weight.path) or trains(weight.path)
    return model
