"""The order of an epoch, in numpy: which rows make up which batch, padded to what length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# What a bucket may be padded to; beyond, steps of 128.
LENGTHS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
MOST_BUCKETS = 6  # every length is another shape to trace and to keep memory for
FEWEST_BATCHES = 4  # a bucket of fewer would put the same rows together in every epoch


@dataclass(frozen=True)
class Plan:
    """Batches of an epoch: rows int32 (s, b) with -1 for filler, lengths int32 (s,)."""

    rows: np.ndarray
    lengths: np.ndarray


def choose_buckets(lengths: np.ndarray, batch_size: int, max_length: int) -> tuple[int, ...]:
    """Ascending lengths to pad to: few, well filled, and with little padding.

    The last one holds the longest row.
    """
    longest = int(lengths.max())
    steps = [*LENGTHS, *range(LENGTHS[-1] + 128, max_length + 128, 128)]
    top = min([step for step in steps if step >= longest] + [max_length])
    top = min(top, max_length)
    buckets = [step for step in steps if step < top] + [top]
    while len(buckets) > 1:
        sizes = np.bincount(np.searchsorted(buckets, lengths), minlength=len(buckets))
        sparse = sizes[:-1] < FEWEST_BATCHES * batch_size
        if len(buckets) <= MOST_BUCKETS and not sparse.any():
            break
        cost = sizes[:-1] * np.diff(buckets)  # padding that leaving a boundary out would add
        if sparse.any():
            cost = np.where(sparse, cost, cost.max() + 1)
        del buckets[int(cost.argmin())]
    return tuple(buckets)


def plan(
    lengths: np.ndarray,
    buckets: tuple[int, ...],
    batch_size: int,
    seed: int,
    epoch: int,
    shuffle: bool,
) -> Plan:
    """Every row once, in full batches of like length; a pure function of its arguments.

    What is left over of a bucket moves up into the next, so an epoch has ceil(rows / batch_size)
    batches whatever the buckets, and at most one of them has filler.
    """
    count = len(lengths)
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(count) if shuffle else np.arange(count)
    bucket = np.searchsorted(buckets, lengths)[order]
    batches, padded, left = [], [], np.zeros(0, np.int64)
    for number, length in enumerate(buckets):
        rows = np.concatenate([left, order[bucket == number]])
        if number == len(buckets) - 1:
            rows = np.concatenate([rows, np.full(-len(rows) % batch_size, -1)])
        full = len(rows) // batch_size
        batches.append(rows[: full * batch_size].reshape(full, batch_size))
        padded.append(np.full(full, length))
        left = rows[full * batch_size :]
    rows = np.concatenate(batches).astype(np.int32)
    lengths_of_batches = np.concatenate(padded).astype(np.int32)
    if shuffle:
        shuffled = generator.permutation(len(rows))
        rows, lengths_of_batches = rows[shuffled], lengths_of_batches[shuffled]
    return Plan(rows, lengths_of_batches)
