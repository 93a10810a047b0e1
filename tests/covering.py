"""Covering arrays: few rows in which every two values of different axes meet."""

import itertools
import random


def pairs(row):
    """Every two (axis, value) of a row."""
    return {frozenset(pair) for pair in itertools.combinations(row.items(), 2)}


def array(axes, allowed, leading, seed=0):
    """Rows {axis: value} that hold every pair of values that goes together.

    Greedy: a row starts from a pair that no row holds yet and takes, axis by axis, the value that
    adds most new pairs. The same arguments give the same rows.

    Args:
        axes: {axis: values}; the first value of each is the one that goes with most.
        allowed: row -> whether its values go together.
        leading: axes whose values decide most of what goes together: a pair that goes with the
            first values of all other axes for no value of these is taken for refused.
        seed: of the order in which axes and values are tried.

    Returns:
        (rows, refused): the pairs that are in no row because none was allowed.
    """
    draw = random.Random(seed)
    starts = _Starts(axes, allowed, leading)
    expected = [
        {one: a, other: b}
        for one, other in itertools.combinations(axes, 2)
        for a in axes[one]
        for b in axes[other]
    ]
    rows, refused = [], set()
    missing = set().union(*map(pairs, expected))
    for pair in expected:
        key = frozenset(pair.items())
        if key not in missing:
            continue
        row = starts.of(pair)
        if row is None:
            refused.add(key)
            missing.discard(key)
            continue
        free = [axis for axis in axes if axis not in pair]
        draw.shuffle(free)
        for axis in free:
            row = _improved(row, axis, axes[axis], missing, allowed, draw)
        rows.append(row)
        missing -= pairs(row)
    return rows, refused


class _Starts:
    """Allowed rows with two given values and the first of each other axis, but for leading ones."""

    def __init__(self, axes, allowed, leading):
        self.allowed = allowed
        self.default = {axis: values[0] for axis, values in axes.items()}
        grid = itertools.product(*(axes[axis] for axis in leading))
        cells = [dict(zip(leading, values, strict=True)) for values in grid]
        self.cells = [cell for cell in cells if allowed(self.default | cell)]
        self.alone = {}

    def of(self, pair):
        for cell in self.cells:
            fits = all(cell.get(axis, value) == value for axis, value in pair.items())
            if fits and all(self._goes(cell, item) for item in pair.items()):
                row = self.default | cell | pair
                if self.allowed(row):
                    return row
        return None

    def _goes(self, cell, item):
        """Whether one value goes with a cell: asked once, since it refuses many pairs."""
        key = (*cell.values(), item)
        if key not in self.alone:
            self.alone[key] = self.allowed(self.default | cell | dict([item]))
        return self.alone[key]


def _improved(row, axis, values, missing, allowed, draw):
    """The row with the value of an axis that adds most missing pairs and is allowed."""
    others = [item for item in row.items() if item[0] != axis]

    def gain(value):
        return sum(frozenset([(axis, value), other]) in missing for other in others)

    for value in sorted(values, key=lambda value: (-gain(value), draw.random())):
        candidate = {**row, axis: value}
        if not gain(value):
            return row
        if allowed(candidate):
            return candidate
    return row


def ordered(rows):
    """Rows in an order in which each holds as many pairs that none before it holds as can be."""
    left, met, sequence = list(rows), set(), []
    while left:
        best = max(left, key=lambda row: len(pairs(row) - met))
        left.remove(best)
        met |= pairs(best)
        sequence.append(best)
    return sequence
