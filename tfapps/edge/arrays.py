"""Rows for a model with any number of inputs, as `fit` and `predict` take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfapps.errors import InputError


def by_name(rows: Any, names: Sequence[str], what: str) -> dict[str, np.ndarray]:
    """Return {name: (n, ...)} of an array, of several in the order of `names`, or of a dictionary.

    Args:
        what: the argument that the rows were given as, for messages.

    Raises:
        InputError: no rows, unequal numbers of rows, or not the arrays of these names.
    """
    if isinstance(rows, Mapping):
        if set(rows) != set(names):
            raise InputError(f"{what}: got {sorted(rows)}, expected {sorted(names)}")
        columns = [rows[name] for name in names]
    elif isinstance(rows, list | tuple) and len(names) > 1:
        if len(rows) != len(names):
            raise InputError(
                f"{what}: got {len(rows)} arrays, expected {len(names)}: {', '.join(names)}"
            )
        columns = list(rows)
    elif len(names) == 1:
        columns = [rows]
    else:
        raise InputError(
            f"{what}: got one array, expected a dictionary or list of {', '.join(names)}"
        )
    arrays = {name: np.asarray(column) for name, column in zip(names, columns, strict=True)}
    counts = {len(array) if array.ndim else 0 for array in arrays.values()}
    if len(counts) != 1 or counts == {0}:
        raise InputError(f"{what}: got {sorted(counts)} rows, expected one number, 1 or more")
    return arrays


def check_shapes(
    arrays: Mapping[str, np.ndarray], shapes: Mapping[str, Sequence[int]], what: str
) -> None:
    """Raise InputError unless rows have these shapes."""
    for name, array in arrays.items():
        if array.shape[1:] != tuple(shapes[name]):
            raise InputError(
                f"{what}: rows of {name} have the shape {array.shape[1:]}, the file takes "
                f"{tuple(shapes[name])}; pad or cut them"
            )
