"""Keras constraints that keep zeros and clusters of a weight while it is trained.

A constraint runs after each optimizer step, on every replica, and is not part of the model: there
is nothing to strip afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Constraint = Callable[[Any], Any]


class Mask:
    """Keeps zeros at zero.

    Args:
        mask: 1 where the weight is free, 0 where it is zero, of its shape; may be a variable.
    """

    def __init__(self, mask: Any) -> None:
        self.mask = mask

    def __call__(self, weight: Any) -> Any:
        from keras import ops

        return ops.multiply(weight, ops.cast(ops.convert_to_tensor(self.mask), weight.dtype))


class Clusters:
    """Keeps the weights of a cluster equal: each becomes the mean of all of them.

    So a centroid moves by the mean of its members' steps, whatever the optimizer.

    Args:
        members: number of the cluster of each weight, of the weight's shape; every number from 0
            to the highest occurs.
    """

    def __init__(self, members: Any) -> None:
        import keras
        import numpy as np

        self.sizes = np.bincount(np.ravel(members)).astype("float64")
        dtype = "uint8" if len(self.sizes) <= 256 else "int32"
        self.members = keras.Variable(members, dtype=dtype, trainable=False)

    def __call__(self, weight: Any) -> Any:
        import tensorflow as tf

        members = tf.cast(tf.convert_to_tensor(self.members), tf.int32)
        weight = tf.convert_to_tensor(weight)
        count = len(self.sizes)
        # Float64, because a float32 sum of thousands of equal values divided by their number is
        # not that value: centroids would drift. `bincount`, because it takes a fourth of the time
        # of an unsorted segment sum.
        totals = tf.math.bincount(
            members, weights=tf.cast(weight, tf.float64), minlength=count, maxlength=count
        )
        centroids = tf.cast(totals / self.sizes, weight.dtype)
        return tf.gather(centroids, members)


class Chain:
    """Several constraints, one after the other."""

    def __init__(self, *links: Constraint) -> None:
        self.links = links

    def __call__(self, weight: Any) -> Any:
        for link in self.links:
            weight = link(weight)
        return weight


def add(variable: Any, constraint: Constraint) -> None:
    """Add `constraint` to those of `variable`, as the last one, replacing one of the same type."""
    others = tuple(link for link in links(variable) if type(link) is not type(constraint))
    variable.constraint = Chain(*others, constraint) if others else constraint


def has_constraint(model: Any, kind: type) -> bool:
    """Return whether a weight of `model` has a constraint of type `kind`."""
    return any(isinstance(link, kind) for weight in model.weights for link in links(weight))


def links(variable: Any) -> tuple[Constraint, ...]:
    """Return the constraints of `variable`, in the order they are applied."""
    constraint = variable.constraint
    if constraint is None:
        return ()
    return constraint.links if isinstance(constraint, Chain) else (constraint,)
