"""The one padding of features."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tfapps.errors import InputError
from tfapps.features.columns import Encoded
from tfapps.features.feature import Feature

LOGITS = "logits"  # the output of a model that has no others


def check(features: Mapping[str, np.ndarray], expected: Iterable[Feature]) -> int:
    """Check the names against the file's: a dropped input would give wrong answers silently.

    Returns the number of rows.

    Raises:
        InputError: missing or unknown inputs, inputs that are no (b, t, ...), rows that differ.
    """
    of_text = {feature.name for feature in expected if feature.mask is not None}
    expected = sorted(feature.name for feature in expected)
    missing = [name for name in expected if name not in features]
    unknown = [name for name in features if name not in expected]
    if missing or unknown:
        wrong = [f"missing {', '.join(missing)}"] * bool(missing)
        wrong += [f"unknown {', '.join(unknown)}"] * bool(unknown)
        raise InputError(
            f"features do not fit the model: {'; '.join(wrong)}; expected {', '.join(expected)}"
        )
    shapes = {name: np.shape(features[name])[:2] for name in expected}
    alike = {shape for name, shape in shapes.items() if name in of_text}
    rows = {shape[:1] for shape in shapes.values()}
    if any(len(shape) != 2 for shape in shapes.values()) or len(alike) > 1 or len(rows) != 1:
        raise InputError(f"features must all have one shape (rows, length), got {shapes}")
    return next(iter(shapes.values()))[0]


def pad(
    features: Iterable[Feature],
    rows: Mapping[str, Any],
    *,
    full: bool = False,
    blank: Mapping[str, int | float] | None = None,
) -> dict[str, np.ndarray]:
    """Pad rows of different lengths on the right; what is too long loses its right end.

    Args:
        features: what is returned, in this order.
        rows: {name: rows}, an array (b, ...) or a list of b arrays: (t, ...) where rows differ in
            length. A mask that is not among them is made from the lengths.
        full: pad to the `length` of each feature; else, and where it has none, to the longest row.
        blank: what the one place of an empty row holds, the padding value if it has no entry here;
            None leaves empty rows empty.

    Returns:
        {name: array (b, ...)} in the dtypes of the features.

    Raises:
        ValueError: rows of another shape than their feature, or a mask of no feature.
    """
    features = tuple(features)
    arrays = {}
    for feature in features:
        if feature.marks and feature.name not in rows:
            source = sources(features, rows)[feature.name]
            column, least = rows[source.name], 0 if blank is None else 1
            lengths = np.array([max(len(row), least) for row in column], np.int64)
            places = np.arange(_width(source, column, full, least))
            arrays[feature.name] = (places < lengths[:, None]).astype(feature.dtype)
        elif feature.ragged:
            column = rows[feature.name]
            width = _width(feature, column, full, 0 if blank is None else 1)
            arrays[feature.name] = _padded(feature, column, width, blank)
        else:
            arrays[feature.name] = _whole(feature, rows[feature.name])
    return arrays


def dense(
    encoded: Encoded, features: Iterable[Feature], rows: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Pad encoded features to their full length, {name: (rows, ...)}; all rows, or those listed."""
    numbers = np.arange(len(encoded)) if rows is None else np.asarray(rows)
    features = tuple(features)
    needed = {feature.name for feature in features}
    needed |= {source.name for source in sources(features, encoded.columns).values()}
    columns = {}
    for name in needed & encoded.columns.keys():
        column = encoded.columns[name]
        is_dense = isinstance(column, np.ndarray)
        columns[name] = column[numbers] if is_dense else [column[row] for row in numbers]
    return pad(features, columns, full=True)


def sources(features: Sequence[Feature], rows: Collection[str]) -> dict[str, Feature]:
    """Return the feature whose length each mask shows that is not among the rows: the first.

    Raises:
        ValueError: a mask of no feature.
    """
    first: dict[str, Feature] = {}
    for feature in features:
        if feature.ragged and feature.mask and not feature.marks and feature.name in rows:
            first.setdefault(feature.mask, feature)
    masks = [feature.name for feature in features if feature.marks and feature.name not in rows]
    for name in masks:
        if name not in first:
            names = ", ".join(feature.name for feature in features)
            raise ValueError(f"{name} needs a feature of tokens, got {names}")
    return {name: first[name] for name in masks}


def _width(feature: Feature, rows: Any, full: bool, least: int) -> int:
    if full and feature.length is not None:
        return feature.length
    is_array = isinstance(rows, np.ndarray)
    longest = max(rows.shape[1] if is_array else max(map(len, rows), default=0), least)
    return longest if feature.length is None else min(longest, feature.length)


def _padded(feature: Feature, rows: Any, width: int, blank: Mapping[str, Any] | None) -> np.ndarray:
    """Pad [(t, ...)] to (b, width, ...)."""
    inner = feature.shape[1:]
    padded = np.full((len(rows), width, *inner), feature.pad, feature.dtype)
    if isinstance(rows, np.ndarray) and rows.size:
        _check_shape(feature, rows.shape[2:], inner)
        padded[:, : rows.shape[1]] = rows[:, :width]
        return padded
    for number, row in enumerate(rows):
        if len(row):
            part = np.asarray(row)[:width]
            _check_shape(feature, part.shape[1:], inner)
            padded[number, : len(part)] = part
        elif blank is not None:
            padded[number, :1] = blank.get(feature.name, feature.pad)
    return padded


def _whole(feature: Feature, rows: Any) -> np.ndarray:
    """Stack rows of one shape: [(...)] -> (b, ...)."""
    shapes = {np.shape(row) for row in rows} - {feature.shape}
    if shapes:
        _check_shape(feature, shapes.pop(), feature.shape)
    return np.asarray(rows, feature.dtype).reshape(len(rows), *feature.shape)


def _check_shape(feature: Feature, got: tuple[int, ...], expected: tuple[int | None, ...]) -> None:
    if got != expected:
        raise ValueError(f"feature {feature.name}: got the shape {got}, expected {expected}")
