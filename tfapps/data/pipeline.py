"""The one input pipeline: shuffled, bucketed, padded batches whose order is known beforehand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfapps.data import plan as plans
from tfapps.data.gather import Gather
from tfapps.data.plan import WHOLE, Part
from tfapps.features.columns import Encoded, Ragged
from tfapps.features.feature import Feature
from tfapps.features.padding import sources

SPREAD = 1_000_003  # keeps the seeds of two epochs apart, whatever seeds two runs have


class Batches:
    """Batches of an encoded data set; epoch e is a pure function of (seed, e).

    Every row comes exactly once an epoch. Every batch is full, so that replicas always get equal
    shares: filler rows repeat a row of their batch (no row is ever all padding) with weight 0.

    Args:
        features: columns to feed, and their masks (1 for a token, 0 for padding).
        targets: columns to learn; ragged ones are padded with 0.
        batch_size: rows of a batch; no more than the data has, rounded up to `multiple`.
        batch_tokens: padded tokens of a batch in place of `batch_size`: a batch has as many rows as
            fit in its bucket's length, so that short rows come in large batches.
        multiple: what `batch_tokens` rounds the rows down to a multiple of; it is the least too.
            Replicas take equal shares of a batch, so it is their number.
        weight: column of what a row counts, (rows,); None counts all alike.
        max_length: no row may be longer.
        buckets: ascending lengths to pad to; chosen from the data if None.
        balance: column of labels, (rows,) int, and how many rows of a label come together in a
            shuffled batch; needs `batch_size`.
        change: (features, targets, seed (2,), part) -> features, targets: what is done to a batch
            anew in every epoch, and the same whenever that epoch is run, and in whatever parts.

    Attributes:
        sizes: rows of a batch of each bucket.
        batch_size: the most of them.
        steps_per_epoch: batches of an epoch, the same for every one.

    Example:
        batches = Batches(encoded, features=tokens("token_ids", "padding_mask"), targets=("label",),
                          batch_size=32, max_length=64)
        for features, targets, weight in batches.epoch(0):  # {name: (b, t)}, {name: (b,)}, (b,)
            ...
    """

    def __init__(
        self,
        encoded: Encoded,
        *,
        features: Sequence[Feature],
        targets: Sequence[str],
        batch_size: int,
        max_length: int,
        batch_tokens: int | None = None,
        multiple: int = 1,
        weight: str | None = None,
        seed: int = 13,
        shuffle: bool = True,
        buckets: Sequence[int] | None = None,
        balance: tuple[str, int] | None = None,
        change: Callable[..., tuple[Any, Any]] | None = None,
    ) -> None:
        read = [feature.name for feature in features if not feature.marks]
        self._used = (*read, *targets)
        _check_columns(encoded, (*self._used, *([weight] if weight else [])))
        _check(batch_size=batch_size, batch_tokens=batch_tokens, multiple=multiple)
        self.features, self.targets = tuple(features), tuple(targets)
        self.seed, self.shuffle, self.rows = seed, shuffle, len(encoded)
        self._encoded, self._weight, self._change = encoded, weight, change
        self._sources = sources(features, [n for n in self._used if self._ragged(n)])
        self._lengths = self._longest(max_length)

        # More would be filler alone, and would take memory all the same.
        most = plans.rounded_up(self.rows, math.lcm(multiple, balance[1] if balance else 1))

        def size(length: int) -> int:
            if batch_tokens is None:
                return min(batch_size, most)
            return min(plans.rows_of_tokens(batch_tokens, length, multiple), most)

        if buckets is None:
            buckets = plans.choose_buckets(self._lengths, size, max_length)
        self.buckets = tuple(buckets)
        if list(self.buckets) != sorted(set(self.buckets)):
            raise ValueError(f"buckets {self.buckets}: expected ascending lengths")
        if self.buckets[-1] < self._lengths.max():
            raise ValueError(f"buckets {self.buckets}: longest row has {self._lengths.max()}")
        self.sizes = tuple(size(length) for length in self.buckets)
        self.batch_size = max(self.sizes)
        self._balance = balance if shuffle else None
        self.steps_per_epoch = self._steps(batch_tokens)
        self._gather: Gather | None = None
        self._graphs: dict[Part, Callable[..., tuple[Any, ...]]] = {}
        self._last: tuple[tuple[int, int, Part], tf.data.Dataset] | None = None

    @property
    def encoded(self) -> Encoded:
        """Return the rows that the batches are made of."""
        return self._encoded

    def order(self, epoch: int) -> np.ndarray:
        """Return row numbers, batch after batch, in their order; -1 for filler."""
        return np.concatenate(self._plan(epoch).batches)

    def rows_of(self, epoch: int, batch: int) -> list[int]:
        """Return the numbers of the rows of a batch, filler left out."""
        return [int(row) for row in self._plan(epoch).batches[batch] if row >= 0]

    def epoch(self, epoch: int, start: int = 0, part: Part = WHOLE) -> tf.data.Dataset:
        """Return the batches (features, targets, weight (b,) float32) of an epoch from `start` on.

        A run that stopped after `start` batches goes on with exactly the batches it had not seen.

        Args:
            part: (k, n) reads only the rows of the k-th of n equal parts of every batch, k from 0:
                what one of n machines learns. All parts in order are the whole.
        """
        if not 0 <= start <= self.steps_per_epoch:
            raise ValueError(f"start {start}: an epoch has {self.steps_per_epoch} batches")
        number, parts = part
        if not 0 <= number < parts or any(size % parts for size in self.sizes):
            raise ValueError(f"part {part}: batches have {self.sizes} rows, expected equal parts")
        key = (epoch, start, part)
        if self._last is None or self._last[0] != key:  # evaluations repeat one epoch
            self._last = key, self._dataset(epoch, start, part)
        return self._last[1]

    def _dataset(self, epoch: int, start: int, part: Part) -> tf.data.Dataset:
        plan = self._plan(epoch)
        starts = np.cumsum([0, *map(len, plan.batches)])
        rows = np.concatenate(plan.batches).astype(np.int64)
        weight = (rows >= 0).astype(np.float32)
        if self._weight is not None:
            weight *= self._encoded.columns[self._weight][rows]
        # A batch starts with a real row: filler only ends the last batch of the longest bucket.
        first = np.repeat([batch[0] for batch in plan.batches], np.diff(starts))
        batch_of = self._traced(part)
        with tf.device("/CPU:0"):
            of_epoch = (
                tf.constant(np.where(rows >= 0, rows, first)),
                tf.constant(weight),
                tf.constant(epoch, tf.int64),
            )
        dataset = tf.data.Dataset.from_tensor_slices(
            (starts[start:-1], starts[start + 1 :], plan.lengths[start:].astype(np.int64))
        )
        # A batch is its graph called, so nothing of it is traced anew in an epoch.
        dataset = dataset.map(
            tf.autograph.experimental.do_not_convert(lambda *place: batch_of(*of_epoch, *place)),
            num_parallel_calls=2,
            deterministic=True,
        ).prefetch(4)
        options = tf.data.Options()
        options.deterministic = True
        options.autotune.enabled = False  # it can hang at the end of an epoch
        policy = tf.data.experimental.AutoShardPolicy.DATA
        options.experimental_distribute.auto_shard_policy = policy
        return dataset.with_options(options)

    def _traced(self, part: Part) -> Callable[..., tuple[Any, ...]]:
        """Return the graph that makes a batch out of an epoch's rows and the batch's place."""
        if part in self._graphs:
            return self._graphs[part]
        if self._gather is None:
            self._gather = Gather(
                self._encoded, self.features, self.targets, self._sources, self.buckets
            )
        gather, (number, parts) = self._gather, part
        # Known beforehand where it is the same in all buckets: the shape is static then.
        rows_of_batch = self.batch_size // parts if min(self.sizes) == self.batch_size else None

        def batch_of(
            rows: tf.Tensor,
            weight: tf.Tensor,
            epoch: tf.Tensor,
            begin: tf.Tensor,
            end: tf.Tensor,
            length: tf.Tensor,
        ) -> tuple[Any, ...]:
            size = (end - begin) // parts
            first = begin + number * size
            own = slice(first, first + size)
            batch = gather(rows[own], weight[own], length, rows_of_batch)
            if self._change is None:
                return batch
            seed = tf.stack([self.seed + SPREAD * epoch, begin])
            return (*self._change(*batch[:2], seed, part), batch[2])

        of_epoch = tf.TensorSpec((None,), tf.int64), tf.TensorSpec((None,), tf.float32)
        numbers = [tf.TensorSpec((), tf.int64)] * 4
        traced = tf.function(batch_of, autograph=False)
        self._graphs[part] = traced.get_concrete_function(*of_epoch, *numbers)
        return self._graphs[part]

    def _plan(self, epoch: int) -> plans.Plan:
        if self._balance is not None:
            name, count = self._balance
            options = (self.batch_size, self._encoded.columns[name], count, self.seed, epoch)
            return plans.balanced(self._lengths, self.buckets, *options)
        return plans.plan(self._lengths, self.buckets, self.sizes, self.seed, epoch, self.shuffle)

    def _steps(self, batch_tokens: int | None) -> int:
        if self._balance is None:
            return plans.steps(self._lengths, self.buckets, self.sizes)
        count = self._balance[1]
        if batch_tokens is not None or self.batch_size % count:
            raise ValueError(f"{count} rows of a label: expected a divisor of batch_size")
        return -(-self.rows // self.batch_size)

    def _ragged(self, name: str) -> bool:
        return isinstance(self._encoded.columns[name], Ragged)

    def _longest(self, max_length: int) -> np.ndarray:
        """Return the length of every row over all ragged columns in use, (rows,)."""
        lengths = np.zeros(self.rows, np.int64)
        for name in self._used:
            if self._ragged(name):
                lengths = np.maximum(lengths, self._encoded.columns[name].lengths)
        if lengths.max() > max_length:
            row = int(lengths.argmax())
            raise ValueError(f"row {row} has {lengths[row]} tokens, expected at most {max_length}")
        return lengths


def _check_columns(encoded: Encoded, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in encoded.columns]
    if missing:
        raise ValueError(f"no column {', '.join(missing)}: there are {list(encoded.columns)}")
    if not len(encoded):
        raise ValueError("no rows to make batches of")


def _check(**numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise ValueError(f"{name} {number}: expected 1 or more")
