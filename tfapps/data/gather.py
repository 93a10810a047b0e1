"""One padded batch out of row numbers, as a graph: no Python a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfapps.features.columns import Encoded, Ragged
from tfapps.features.feature import Feature


class Gather:
    """Gathers rows of columns and pads them.

    Args:
        features: columns to feed, and their masks.
        targets: columns to learn; ragged ones are padded with 0.
        sources: by the name of a mask, the feature that it marks, see `padding.sources`.
        lengths: ascending lengths that batches are padded to.
    """

    def __init__(
        self,
        encoded: Encoded,
        features: Sequence[Feature],
        targets: Sequence[str],
        sources: Mapping[str, Feature],
        lengths: Sequence[int],
    ) -> None:
        self._features = features
        self._targets = [Feature(name) for name in targets]
        self._sources, self._lengths = sources, lengths
        dtypes = {f.name: f.dtype for f in features if not f.marks}
        used = {name: encoded.columns[name] for name in (*dtypes, *targets)}
        with tf.device("/CPU:0"):
            self._columns = {n: _tensors(c, dtypes.get(n)) for n, c in used.items()}

    def __call__(
        self, rows: tf.Tensor, weight: tf.Tensor, length: tf.Tensor, size: int | None
    ) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor], tf.Tensor]:
        """Return features, targets and weight of a batch.

        Args:
            rows: their numbers, (b,).
            weight: (b,).
            length: to pad to, (); it is static where there is one length only.
            size: the number of rows where it is the same for all batches.
        """
        if len(self._lengths) == 1:
            length = self._lengths[0]
        rows = tf.ensure_shape(rows, (size,))
        features = {f.name: self._column(f, rows, length) for f in self._features}
        targets = {f.name: self._column(f, rows, length) for f in self._targets}
        return features, targets, tf.ensure_shape(weight, (size,))

    def _column(self, feature: Feature, rows: tf.Tensor, length: tf.Tensor | int) -> tf.Tensor:
        """Return the column of the rows: dense (b, ...), or ragged and padded to (b, t, ...)."""
        source = self._sources.get(feature.name, feature)
        column = self._columns[source.name]
        if not isinstance(column, tuple):
            return tf.gather(column, rows)
        if source.length is not None and source.length < self._lengths[-1]:
            is_static = isinstance(length, int)
            length = min(length, source.length) if is_static else tf.minimum(length, source.length)
        values, offsets = column
        starts = tf.gather(offsets, rows)[:, None]  # (b, 1)
        sizes = tf.gather(offsets, rows + 1)[:, None] - starts
        places = tf.range(tf.cast(length, tf.int64))[None, :]  # (1, t)
        inside = places < sizes  # (b, t)
        static = (rows.shape[0], length if isinstance(length, int) else None)
        if feature.marks:
            return tf.ensure_shape(tf.cast(inside, feature.dtype), static)
        padded = _looked_up(values, tf.where(inside, starts + places, 0))
        for _ in padded.shape[2:]:
            inside = inside[..., None]
        padded = tf.where(inside, padded, tf.constant(feature.pad, padded.dtype))
        return tf.ensure_shape(padded, (*static, *padded.shape[2:]))


def _tensors(column: Any, dtype: str | None) -> Any:
    """Return a dense column as a tensor, a ragged one as (values, offsets).

    Args:
        dtype: in a batch; None is the one that it was encoded in, as for targets.
    """
    if not isinstance(column, Ragged):
        return tf.constant(column, dtype or column.dtype)
    offsets = tf.constant(column.offsets)
    if isinstance(column.values, np.memmap):
        return column.values, offsets
    # One spare value, so that there is something to gather from empty rows too.
    spare = np.zeros((1, *column.values.shape[1:]), column.values.dtype)
    values = np.concatenate([column.values, spare])
    return tf.constant(values, dtype or values.dtype), offsets


def _looked_up(values: Any, places: tf.Tensor) -> tf.Tensor:
    """Return `values[places]`: of a tensor, or of an array on disk that is read when needed."""
    if not isinstance(values, np.memmap):
        return tf.gather(values, places)
    read = tf.numpy_function(values.__getitem__, [places], values.dtype, stateful=False)
    return tf.ensure_shape(read, (*places.shape, *values.shape[1:]))
