"""Brings a batch of features to the inputs of an exported file: names, dtypes, static length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from tfapps.errors import InputError


def check(features: Mapping[str, np.ndarray], expected: Iterable[str]) -> int:
    """Names must be those of the file, because a dropped input would give wrong answers silently.

    Returns the number of rows.

    Raises:
        InputError: missing or unknown inputs, inputs that are no (b, t), rows that differ.
    """
    expected = sorted(expected)
    missing = [name for name in expected if name not in features]
    unknown = [name for name in features if name not in expected]
    if missing or unknown:
        wrong = [f"missing {', '.join(missing)}"] * bool(missing)
        wrong += [f"unknown {', '.join(unknown)}"] * bool(unknown)
        raise InputError(
            f"features do not fit the model: {'; '.join(wrong)}; expected {', '.join(expected)}"
        )
    shapes = {name: np.shape(features[name]) for name in expected}
    if any(len(shape) != 2 for shape in shapes.values()) or len(set(shapes.values())) != 1:
        raise InputError(f"features must all have one shape (rows, length), got {shapes}")
    return next(iter(shapes.values()))[0]


def fit(column: np.ndarray, length: int) -> np.ndarray:
    """(b, t) -> (b, length) int32: zeros on the right, or the right end cut off."""
    column = np.asarray(column, np.int32)[:, :length]
    return np.pad(column, ((0, 0), (0, length - column.shape[1])))


def trim(logits: np.ndarray, static_length: int, length: int) -> np.ndarray:
    """(b, static_length, c) -> (b, t, c): per-token logits lose the padding that `fit` added."""
    if logits.ndim > 2 and logits.shape[1] == static_length:
        return logits[:, :length]
    return logits
