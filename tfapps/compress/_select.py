"""Selects the weights a compressor works on: matrices whose paths match patterns."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tfapps.printable import shortened

if TYPE_CHECKING:
    import keras

# Kernels of the body, not embedding tables. A default pattern may match nothing. The pattern
# for heads means all heads of the task, whatever their layers are called.
HEADS = "head*"
INCLUDE, EXCLUDE = ("*kernel",), (HEADS,)
SHOWN = 12


def matrices(
    name: str, model: keras.Model, include: Sequence[str], exclude: Sequence[str]
) -> dict[str, keras.Variable]:
    """Return the weights of two or more axes that match `include` but not `exclude`, by path.

    Args:
        name: the compressor's name, for error messages.
        include: patterns of weight paths (`block_0_*`, `*/qkv/kernel`).
        exclude: patterns of weight paths that stay unchanged; `head*` is every head.

    Raises:
        InputError: a pattern matches no matrix, or no weight is selected.
    """
    from tfapps.errors import InputError
    from tfapps.graph import heads, weights

    candidates = {path: w for path, w in weights.variables(model).items() if len(w.shape) >= 2}
    patterns_by_field: Mapping[str, Sequence[str]] = {"include": include, "exclude": exclude}
    for field, patterns in patterns_by_field.items():
        for pattern in patterns:
            if pattern not in INCLUDE + EXCLUDE and not fnmatch.filter(candidates, pattern):
                raise InputError(
                    f"{name}.{field}: {pattern!r} matches no weight; expected a pattern of "
                    f"{shortened(candidates, SHOWN)}"
                )
    in_head = heads.of(model) if HEADS in exclude else lambda path: False
    selected = {
        path: weight
        for path, weight in candidates.items()
        if _matches(path, include) and not _matches(path, exclude) and not in_head(path)
    }
    if not selected:
        raise InputError(
            f"{name}: no weight is selected; include is {list(include)}, exclude is "
            f"{list(exclude)}, the weights are {shortened(candidates, SHOWN)}"
        )
    return selected


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)
