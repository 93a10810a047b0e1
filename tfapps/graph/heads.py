"""Which weights of a model are in a head: newly initialized, whatever the rest starts from.

A task names the layers of its heads, `assemble` marks the model with them, and clones copy the
mark. Tuners, the optimizer and compressors all use it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

DEFAULT = ("head",)  # of a model without a task
_MARK = "_heads"


def mark(model: Any, names: Sequence[str]) -> Any:
    """Mark the layers of a model's heads; return the model.

    Args:
        names: names of layers; each also matches layers called `<name>_...`.
    """
    model.__dict__[_MARK] = tuple(names)  # past Keras' own tracking, which would wrap it
    return model


def names(model: Any) -> tuple[str, ...]:
    """Return the names set by `mark`."""
    return model.__dict__.get(_MARK, DEFAULT)


def of(model: Any) -> Callable[[str], bool]:
    """Return the path of a weight, or name of a layer -> whether it is in a head of `model`."""
    return among(names(model))


def among(names: Sequence[str]) -> Callable[[str], bool]:
    """Return the path of a weight, or name of a layer -> whether it is in a head of one of `names`.

    Example: `among(("head", "crf"))` holds for `head_norm/gamma` and `crf/transitions`, but not for
    `block_0_attention/qkv/kernel`.
    """

    def in_head(path: str) -> bool:
        layer = path.partition("/")[0]
        return any(layer == name or layer.startswith(f"{name}_") for name in names)

    return in_head
