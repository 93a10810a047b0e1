"""What must stay true of a weight while it is trained, as constraints that Keras applies.

A constraint runs after each optimizer step, on every replica, and is no part of the model: there
is nothing to strip afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Constraint = Callable[[Any], Any]


class Mask:
    """Zeros stay zero.

    Args:
        mask: 1 where the weight is free and 0 where it is zero, of its shape; a variable may move.
    """

    def __init__(self, mask: Any) -> None:
        self.mask = mask

    def __call__(self, weight: Any) -> Any:
        from keras import ops

        return ops.multiply(weight, ops.cast(ops.convert_to_tensor(self.mask), weight.dtype))


class Clusters:
    """Weights of one cluster stay equal: each becomes the mean of all of them.

    So a centroid moves by the mean of its members' steps, whatever the optimizer.

    Args:
        members: number of the cluster of each weight, int32, of the weight's shape.
    """

    def __init__(self, members: Any) -> None:
        self.members = members
        self.count = int(members.max()) + 1

    def __call__(self, weight: Any) -> Any:
        from keras import ops

        members = ops.reshape(ops.convert_to_tensor(self.members), (-1,))
        values = ops.reshape(ops.convert_to_tensor(weight), (-1,))
        totals = ops.segment_sum(values, members, self.count)
        sizes = ops.segment_sum(ops.ones_like(values), members, self.count)
        centroids = ops.divide(totals, ops.maximum(sizes, 1.0))
        return ops.reshape(ops.take(centroids, members), weight.shape)


class Chain:
    """Several constraints, one after the other."""

    def __init__(self, *links: Constraint) -> None:
        self.links = links

    def __call__(self, weight: Any) -> Any:
        for link in self.links:
            weight = link(weight)
        return weight


def add(variable: Any, constraint: Constraint) -> None:
    """Hold `variable` to `constraint` after what holds it already; of a kind the last counts."""
    links = tuple(link for link in _links(variable) if type(link) is not type(constraint))
    variable.constraint = Chain(*links, constraint) if links else constraint


def held(model: Any, kind: type) -> bool:
    """Whether a weight of `model` is held by a constraint of that kind."""
    return any(isinstance(link, kind) for weight in model.weights for link in _links(weight))


def _links(variable: Any) -> tuple[Constraint, ...]:
    there = variable.constraint
    if there is None:
        return ()
    return there.links if isinstance(there, Chain) else (there,)
