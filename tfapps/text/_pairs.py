"""Two texts as one row of ids."""

from __future__ import annotations

import numpy as np


def join(
    first: np.ndarray, second: np.ndarray, room: int, cls: int | None, sep: int
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return the ids of both with special ids, their segments (0 or 1), and if truncated.

    The longer text loses ids first.

    Args:
        room: maximum number of ids, without special ones.
        cls: the first id; None for a kind that has only a separator in between.
    """
    keep_first, keep_second = _longest_first(len(first), len(second), room)
    head = [[cls], first[:keep_first], [sep]] if cls is not None else [first[:keep_first], [sep]]
    tail = [second[:keep_second], [sep]] if cls is not None else [second[:keep_second]]
    sizes = [sum(map(len, head)), sum(map(len, tail))]
    ids = np.concatenate([*head, *tail]).astype(np.int32)
    segments = np.repeat(np.array([0, 1], np.int32), sizes)
    return ids, segments, len(first) + len(second) > room


def _longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """Return how many tokens of each text of a pair remain."""
    if first + second <= room:
        return first, second
    if first > second:
        second = min(second, room // 2)
        return room - second, second
    first = min(first, room // 2)
    return first, room - first
