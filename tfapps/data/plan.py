"""The order of an epoch, in numpy: which rows make up which batch, padded to what length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Part = tuple[int, int]  # (k, n): of every batch the k-th of n equal parts, k from 0
WHOLE: Part = (0, 1)
# What a bucket may be padded to; beyond, steps of 128.
LENGTHS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
MOST_BUCKETS = 6  # every length is another shape to trace and to keep memory for
FEWEST_BATCHES = 4  # a bucket of fewer would put the same rows together in every epoch


@dataclass(frozen=True)
class Plan:
    """Batches of an epoch: row numbers of each, int32 (b,), -1 for filler; lengths int32 (s,)."""

    batches: list[np.ndarray]
    lengths: np.ndarray


def rows_of_tokens(batch_tokens: int, length: int, multiple: int = 1) -> int:
    """Return how many rows padded to `length` fit: a multiple of `multiple`, at least one.

    Example: `rows_of_tokens(1000, 24, 4)` is 40, `rows_of_tokens(1000, 512, 4)` is 4.
    """
    return max(batch_tokens // length // multiple, 1) * multiple


def rounded_up(rows: int, multiple: int) -> int:
    """Return the next multiple of `multiple`.

    Example: `rounded_up(150, 4)` is 152.
    """
    return -(-rows // multiple) * multiple


def choose_buckets(
    lengths: np.ndarray, batch_size: Callable[[int], int], max_length: int
) -> tuple[int, ...]:
    """Choose ascending lengths to pad to: few, well filled, and with little padding.

    The last one holds the longest row. `batch_size` maps a length to the rows of its batches.
    """
    longest = int(lengths.max())
    steps = [*LENGTHS, *range(LENGTHS[-1] + 128, max_length + 128, 128)]
    top = min([step for step in steps if step >= longest] + [max_length])
    top = min(top, max_length)
    buckets = [step for step in steps if step < top] + [top]
    while len(buckets) > 1:
        rows = _filled(lengths, buckets)[:-1]
        sparse = rows < [FEWEST_BATCHES * batch_size(length) for length in buckets[:-1]]
        if len(buckets) <= MOST_BUCKETS and not sparse.any():
            break
        cost = rows * np.diff(buckets)  # padding that leaving a boundary out would add
        if sparse.any():
            cost = np.where(sparse, cost, cost.max() + 1)
        del buckets[int(cost.argmin())]
    return tuple(buckets)


def steps(lengths: np.ndarray, buckets: Sequence[int], sizes: Sequence[int]) -> int:
    """Return how many batches `plan` makes; equal for every seed and epoch."""
    count, left = 0, 0
    for rows, size in zip(_filled(lengths, buckets), sizes, strict=True):
        full, left = divmod(left + int(rows), size)
        count += full
    return count + (left > 0)


def plan(
    lengths: np.ndarray,
    buckets: Sequence[int],
    sizes: Sequence[int],
    seed: int,
    epoch: int,
    shuffle: bool,
) -> Plan:
    """Plan every row once, in full batches of similar length; a pure function.

    The remaining rows of a bucket move to the next, so at most one batch has filler, and a bucket
    makes the same number of batches in every epoch.

    Args:
        sizes: rows of a batch of each bucket.
    """
    count = len(lengths)
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(count) if shuffle else np.arange(count)
    bucket = np.searchsorted(buckets, lengths)[order]
    batches: list[np.ndarray] = []
    padded, left = [], np.zeros(0, np.int64)
    for number, (length, size) in enumerate(zip(buckets, sizes, strict=True)):
        rows = np.concatenate([left, order[bucket == number]])
        if number == len(buckets) - 1:
            rows = np.concatenate([rows, np.full(-len(rows) % size, -1)])
        full = len(rows) // size
        batches.extend(rows[: full * size].astype(np.int32).reshape(full, size))
        padded.append(np.full(full, length))
        left = rows[full * size :]
    lengths_of_batches = np.concatenate(padded).astype(np.int32)
    if shuffle:
        shuffled = generator.permutation(len(batches))
        batches = [batches[number] for number in shuffled]
        lengths_of_batches = lengths_of_batches[shuffled]
    return Plan(batches, lengths_of_batches)


def balanced(
    lengths: np.ndarray,
    buckets: Sequence[int],
    size: int,
    labels: np.ndarray,
    per_label: int,
    seed: int,
    epoch: int,
) -> Plan:
    """Plan every row once, `per_label` rows of a label together; a pure function.

    Labels take turns, so that a batch has more of one only where there are too few others. Rows
    that make no whole group of their label come by themselves, at the end of the plan. A batch is
    padded to the bucket of its longest row.

    Args:
        size: rows of every batch, a multiple of `per_label`.
        labels: number of the label of each row, (rows,).
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(labels))
    of_label = [order[labels[order] == label] for label in np.unique(labels)]
    full_groups = [
        rows[: len(rows) // per_label * per_label].reshape(-1, per_label) for rows in of_label
    ]
    rest = [
        rows[len(groups) * per_label :] for rows, groups in zip(of_label, full_groups, strict=True)
    ]
    turns: list[int] = []
    for turn in range(max(map(len, full_groups))):
        labels_left = [label for label, groups in enumerate(full_groups) if len(groups) > turn]
        mixed = generator.permutation(labels_left).tolist()
        begun = set(turns[len(turns) // (size // per_label) * (size // per_label) :])
        turns += sorted(mixed, key=lambda label: label in begun)  # stable: others stay mixed
    left = [iter(groups) for groups in full_groups]
    rows = np.concatenate(
        [*(next(left[label]) for label in turns), generator.permutation(np.concatenate(rest))]
    )
    rows = np.concatenate([rows, np.full(-len(rows) % size, -1)]).astype(np.int32)
    batches = generator.permutation(rows.reshape(-1, size))
    longest = np.where(batches >= 0, lengths[batches], 0).max(axis=1)
    padded = np.asarray(buckets, np.int32)[np.searchsorted(buckets, longest)]
    return Plan(list(batches), padded)


def _filled(lengths: np.ndarray, buckets: Sequence[int]) -> np.ndarray:
    """Return how many rows each bucket holds."""
    return np.bincount(np.searchsorted(buckets, lengths), minlength=len(buckets))
