"""The one input pipeline: shuffled, bucketed, padded batches whose order is known beforehand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfapps.data.encoding import MASK, Encoded, Ragged, length_column
from tfapps.data.plan import choose_buckets, plan


class Batches:
    """Batches of an encoded data set; epoch e is a pure function of (seed, e).

    Every row comes exactly once an epoch. Every batch is full, so that replicas always get equal
    shares: filler rows repeat a row of their batch (no row is ever all padding) with weight 0.

    Args:
        features: columns to feed, and "padding_mask" (1 for a token, 0 for padding).
        targets: columns to learn; ragged ones are padded with 0.
        weight: column of what a row counts, (rows,); None counts all alike.
        max_length: no row may be longer.
        buckets: ascending lengths to pad to; chosen from the data if None.

    Example:
        batches = Batches(encoded, features=("token_ids", "padding_mask"), targets=("label",),
                          batch_size=32, max_length=64)
        for features, targets, weight in batches.epoch(0):  # {name: (b, t)}, {name: (b,)}, (b,)
            ...
    """

    def __init__(
        self,
        encoded: Encoded,
        *,
        features: Sequence[str],
        targets: Sequence[str],
        batch_size: int,
        max_length: int,
        weight: str | None = None,
        seed: int = 13,
        shuffle: bool = True,
        buckets: Sequence[int] | None = None,
    ) -> None:
        used = (*features, *targets, *([weight] if weight else []))
        missing = [n for n in used if n not in encoded.columns and n != MASK]
        if missing:
            raise ValueError(f"no column {', '.join(missing)}: there are {list(encoded.columns)}")
        if not len(encoded):
            raise ValueError("no rows to make batches of")
        if batch_size < 1:
            raise ValueError(f"batch_size {batch_size}: expected 1 or more")
        self.features, self.targets = tuple(features), tuple(targets)
        self.batch_size, self.seed, self.shuffle = batch_size, seed, shuffle
        self.rows = len(encoded)
        self._encoded, self._weight = encoded, weight
        self._of_length = length_column(encoded, features) if MASK in features else None
        self._lengths = self._longest(max_length)
        if buckets is None:
            buckets = choose_buckets(self._lengths, batch_size, max_length)
        self.buckets = tuple(buckets)
        if list(self.buckets) != sorted(set(self.buckets)):
            raise ValueError(f"buckets {self.buckets}: expected ascending lengths")
        if self.buckets[-1] < self._lengths.max():
            raise ValueError(f"buckets {self.buckets}: longest row has {self._lengths.max()}")
        self.steps_per_epoch = -(-self.rows // batch_size)
        self._columns: dict[str, tuple[tf.Tensor, tf.Tensor] | tf.Tensor] | None = None

    def order(self, epoch: int) -> np.ndarray:
        """Row numbers (steps * b,) in the order they come in, -1 for filler."""
        return self._plan(epoch)[0].reshape(-1)

    def epoch(self, epoch: int, start: int = 0) -> tf.data.Dataset:
        """(features, targets, weight (b,) float32) of an epoch, without its first `start` batches.

        A run that stopped after `start` batches goes on with exactly the batches it had not seen.
        """
        if not 0 <= start <= self.steps_per_epoch:
            raise ValueError(f"start {start}: an epoch has {self.steps_per_epoch} batches")
        rows, lengths = self._plan(epoch)
        if self._columns is None:
            self._columns = self._tensors()
        weight = (rows >= 0).astype(np.float32)
        if self._weight is not None:
            weight *= self._encoded.columns[self._weight][rows]
        # A batch starts with a real row: filler only ends the last batch of the longest bucket.
        real = np.where(rows >= 0, rows, rows[:, :1])
        dataset = tf.data.Dataset.from_tensor_slices(
            (real[start:], weight[start:], lengths[start:])
        )
        dataset = dataset.map(self._gather, num_parallel_calls=2, deterministic=True).prefetch(4)
        options = tf.data.Options()
        options.deterministic = True
        options.autotune.enabled = False  # it can hang at the end of an epoch
        policy = tf.data.experimental.AutoShardPolicy.DATA
        options.experimental_distribute.auto_shard_policy = policy
        return dataset.with_options(options)

    def _plan(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        made = plan(self._lengths, self.buckets, self.batch_size, self.seed, epoch, self.shuffle)
        return made.rows, made.lengths

    def _longest(self, max_length: int) -> np.ndarray:
        """Length of every row over all ragged columns in use, (rows,)."""
        lengths = np.zeros(self.rows, np.int64)
        for name in (*self.features, *self.targets):
            column = self._encoded.columns.get(name)
            if isinstance(column, Ragged):
                lengths = np.maximum(lengths, column.lengths)
        if lengths.max() > max_length:
            row = int(lengths.argmax())
            raise ValueError(f"row {row} has {lengths[row]} tokens, expected at most {max_length}")
        return lengths

    def _tensors(self) -> dict[str, tuple[tf.Tensor, tf.Tensor] | tf.Tensor]:
        out = {}
        with tf.device("/CPU:0"):
            for name in {*self.features, *self.targets} - {MASK} | {self._of_length or ""} - {""}:
                column = self._encoded.columns[name]
                if isinstance(column, Ragged):
                    # One spare value, so that there is something to gather from empty rows too.
                    values = np.append(column.values, np.zeros(1, column.values.dtype))
                    out[name] = (tf.constant(values), tf.constant(column.offsets))
                else:
                    out[name] = tf.constant(column)
        return out

    def _gather(
        self, rows: tf.Tensor, weight: tf.Tensor, length: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor], tf.Tensor]:
        """One batch out of row numbers (b,): runs as a graph, no Python a batch."""
        if len(self.buckets) == 1:
            length = self.buckets[0]  # known beforehand: the shape is static then
        rows = tf.ensure_shape(rows, (self.batch_size,))
        features = {name: self._column(name, rows, length) for name in self.features}
        targets = {name: self._column(name, rows, length) for name in self.targets}
        return features, targets, tf.ensure_shape(weight, (self.batch_size,))

    def _column(self, name: str, rows: tf.Tensor, length: tf.Tensor | int) -> tf.Tensor:
        """Column of the rows: dense (b, ...), or ragged padded with 0 to (b, t)."""
        column = self._columns[self._of_length if name == MASK else name]
        if not isinstance(column, tuple):
            return tf.gather(column, rows)
        values, offsets = column
        starts = tf.gather(offsets, rows)[:, None]  # (b, 1)
        sizes = tf.gather(offsets, rows + 1)[:, None] - starts
        places = tf.range(tf.cast(length, tf.int64))[None, :]  # (1, t)
        inside = places < sizes  # (b, t)
        static = (self.batch_size, length if isinstance(length, int) else None)
        if name == MASK:
            return tf.ensure_shape(tf.cast(inside, tf.int32), static)
        found = tf.gather(values, tf.where(inside, starts + places, 0))
        return tf.ensure_shape(tf.where(inside, found, tf.zeros_like(found)), static)
