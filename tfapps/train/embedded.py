"""The steps of an adversary on the embeddings of texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import tensorflow as tf

TINY = 1e-12
Norm = Literal["l2", "max"]
# Gradients in half precision are lost near zero, and their size does not matter here.
RAISED = 1024.0


def gradient(function: Callable[[Any], Any], x: Any) -> Any:
    """Return the derivative of the sum of `function(x)` (b,) by x, float32, as a constant."""
    return with_slope(function, tf.stop_gradient(x))[1]


def with_slope(function: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
    """Return `function(x)` (b,) and its `gradient`, from one pass through the model.

    Weights can learn from the former, as if it had been called alone.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        values = function(x)
        total = tf.reduce_sum(values) * RAISED
    return values, tf.stop_gradient(tf.cast(tape.gradient(total, x), tf.float32))


def noise(x: Any, features: dict[str, Any], model: Any, seed: int) -> Any:
    """Draw normal numbers of x's shape from the seed, the step and the batch alone.

    So replicas differ, and a fit that is repeated does not.
    """
    step = tf.cast(model.optimizer.iterations, tf.int32)
    drawn = tf.stack([step + tf.cast(seed % 2**31, tf.int32), tf.reduce_sum(features["token_ids"])])
    return tf.random.stateless_normal(tf.shape(x), drawn)


class Ball:
    """How far an adversary may move the embeddings of each text.

    Args:
        x: embeddings (b, t, d).
        features: of the batch; padding stays where it is.
        epsilon: the radius in shares of the size of a text's embeddings: their Euclidean norm for
            `l2`, their root mean square for `max`.
        norm: `l2` or `max`.
    """

    def __init__(self, x: Any, features: dict[str, Any], epsilon: Any, norm: Norm) -> None:
        self.x, self.norm = x, norm
        self.real = tf.cast(features["padding_mask"], tf.float32)[:, :, None]  # b t 1
        embeddings = tf.cast(tf.stop_gradient(x), tf.float32)
        square = tf.reduce_sum(tf.square(embeddings) * self.real, axis=(1, 2), keepdims=True)
        if norm == "max":
            width = tf.cast(tf.shape(x)[-1], tf.float32)
            numbers = tf.reduce_sum(self.real, axis=(1, 2), keepdims=True) * width
            square = square / tf.maximum(numbers, 1.0)
        self.radius = epsilon * tf.sqrt(square)  # b 1 1

    def moved(self, delta: Any) -> Any:
        """Return the embeddings after a change (b, t, d)."""
        return self.x + tf.cast(delta, self.x.dtype)

    def edge(self, slope: Any) -> Any:
        """Return the change to the edge with the steepest ascent, (b, t, d); 0 without a slope."""
        slope = slope * self.real
        if self.norm == "max":
            return self.radius * tf.sign(slope)
        return self.radius * slope / tf.maximum(_length(slope), TINY)

    def inside(self, delta: Any) -> Any:
        """Return the nearest change that is allowed; no gradient goes through it."""
        if self.norm == "max":
            delta = tf.clip_by_value(delta, -self.radius, self.radius)
        else:
            delta = delta * tf.minimum(1.0, self.radius / tf.maximum(_length(delta), TINY))
        return tf.stop_gradient(delta)

    def climb(
        self, loss_at: Callable[[Any], Any], steps: int, step: float, delta: Any = None
    ) -> Any:
        """Return the change after some steps up a loss, each `step` of the radius long.

        Projected gradient descent of Madry et al. 2018, on embeddings.

        Args:
            loss_at: embeddings -> loss (b,).
            delta: where it starts; at the text itself if left out.
        """
        delta = tf.zeros_like(self.x, tf.float32) if delta is None else delta
        for _ in range(steps):
            delta = self.climbed(delta, loss_at, step)
        return delta

    def climbed(self, delta: Any, loss_at: Callable[[Any], Any], step: float) -> Any:
        """Return the change after one more step up a loss, `step` of the radius long."""
        return self.along(delta, gradient(loss_at, self.moved(delta)), step)

    def along(self, delta: Any, slope: Any, step: float) -> Any:
        """Return the change after one more step along a slope that is known."""
        return self.inside(delta + step * self.edge(slope))


def _length(delta: Any) -> Any:
    """Return the Euclidean norm of all of a text's numbers, (b, 1, 1)."""
    return tf.norm(tf.reshape(delta, (tf.shape(delta)[0], -1)), axis=1)[:, None, None]
