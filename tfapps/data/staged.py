"""Short rows first: most of a pre-training on rows that cost little, the rest on long ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tfapps.data.pipeline import Batches
from tfapps.data.plan import WHOLE, Part


class Stage(NamedTuple):
    """A number of batches, over as many epochs as that takes."""

    batches: Batches
    steps: int


class Staged:
    """Batches of several stages in sequence, cut into epochs of equal length.

    Has what a fit asks of `Batches`.

    Attributes:
        stages: those that have a batch, in order.

    Args:
        epochs: how many epochs all of it is; what does not divide is left out at the end.

    Example: `Staged([Stage(short, 900), Stage(long, 100)], epochs=2)` has 500 batches an epoch.
    """

    def __init__(self, stages: Sequence[Stage], epochs: int) -> None:
        self.stages = tuple(stage for stage in stages if stage.steps)
        steps = sum(stage.steps for stage in self.stages)
        if steps < epochs:
            raise ValueError(f"got {steps} batches, expected at least {epochs}, one an epoch")
        self.steps_per_epoch = steps // epochs
        self.batch_size = max(stage.batches.batch_size for stage in self.stages)

    def epoch(self, epoch: int, start: int = 0, part: Part = WHOLE) -> tf.data.Dataset:
        """Return the batches of one epoch over all stages, as `Batches.epoch` does."""
        first = epoch * self.steps_per_epoch
        dataset = self._between(first + start, first + self.steps_per_epoch, part)
        # An empty part of every stage, so that the element spec fits the shapes of all.
        for stage in self.stages:
            dataset = dataset.concatenate(stage.batches.epoch(0, 0, part).take(0))
        return dataset

    def _between(self, first: int, last: int, part: Part) -> tf.data.Dataset:
        """Return batches `first` to before `last`, counted over all stages."""
        pieces = []
        passed = 0
        for batches, steps in self.stages:
            begin, end = max(first - passed, 0), min(last - passed, steps)
            while begin < end:
                number, offset = divmod(begin, batches.steps_per_epoch)
                count = min(end - begin, batches.steps_per_epoch - offset)
                pieces.append(batches.epoch(number, offset, part).take(count))
                begin += count
            passed += steps
        if not pieces:
            return self.stages[0].batches.epoch(0, 0, part).take(0)
        joined = pieces[0]
        for piece in pieces[1:]:
            joined = joined.concatenate(piece)
        return joined
