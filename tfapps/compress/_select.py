"""Which weights a compressor is about: matrices whose paths meet patterns."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

# Kernels of the body; tables of embeddings are no kernels. A default may meet nothing. The pattern
# of the heads stands for all heads of the task, whatever their layers are called.
HEADS = "head*"
INCLUDE, EXCLUDE = ("*kernel",), (HEADS,)
SHOWN = 12


def matrices(
    name: str, model: keras.Model, include: Sequence[str], exclude: Sequence[str]
) -> dict[str, keras.Variable]:
    """Weights of two axes or more that `include` meets and `exclude` does not, by path.

    Args:
        name: of the compressor, for messages.
        include: patterns of weight paths (`block_0_*`, `*/qkv/kernel`).
        exclude: patterns of weight paths that are left alone; `head*` is every head.

    Raises:
        InputError: a pattern meets no matrix, or nothing is left.
    """
    from tfapps.errors import InputError
    from tfapps.graph import heads, weights

    there = {path: w for path, w in weights.variables(model).items() if len(w.shape) >= 2}
    given: Mapping[str, Sequence[str]] = {"include": include, "exclude": exclude}
    for field, patterns in given.items():
        for pattern in patterns:
            if pattern not in INCLUDE + EXCLUDE and not fnmatch.filter(there, pattern):
                raise InputError(
                    f"{name}.{field}: {pattern!r} meets no weight; expected a pattern of "
                    f"{', '.join(list(there)[:SHOWN])}{', ...' * (len(there) > SHOWN)}"
                )
    in_head = heads.of(model) if HEADS in exclude else lambda path: False
    found = {
        path: weight
        for path, weight in there.items()
        if _meets(path, include) and not _meets(path, exclude) and not in_head(path)
    }
    if not found:
        raise InputError(
            f"{name}: no weight is left; include is {list(include)}, exclude is {list(exclude)}, "
            f"the weights are {', '.join(list(there)[:SHOWN])}{', ...' * (len(there) > SHOWN)}"
        )
    return found


def _meets(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)
