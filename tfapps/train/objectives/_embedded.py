"""A model cut behind its word embeddings, and the steps of an adversary there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import tensorflow as tf

from tfapps.errors import InputError

TINY = 1e-12
Norm = Literal["l2", "max"]
# Gradients in half precision are lost near zero, and their size does not matter here.
RAISED = 1024.0


class Parts(NamedTuple):
    """features -> embeddings (b, t, d), and (embeddings, features) -> outputs."""

    embed: Callable[[dict[str, Any], bool], Any]
    answer: Callable[[Any, dict[str, Any], bool], Any]


class Cut:
    """Cuts the model it is called with, once, on the same layers and weights.

    Raises: InputError if nothing in the model embeds its `token_ids`.
    """

    def __init__(self) -> None:
        self._of: Any = None
        self._parts: Parts | None = None

    def __call__(self, model: Any) -> Parts:
        if self._of is not model:
            self._of, self._parts = model, _parts(model)
        return self._parts


def _parts(model: Any) -> Parts:
    import keras

    if not hasattr(model, "operations"):
        raise InputError(
            "objective: an adversary needs the whole model, and distill_layers shows it a part; "
            "leave one of them out"
        )
    x = embedded(model)
    front = keras.Model(model.input, x)
    others = {name: tensor for name, tensor in model.input.items() if name != "token_ids"}
    rest = keras.Model([x, *others.values()], model.output)

    def answer(x: Any, features: dict[str, Any], training: bool) -> Any:
        given = [tf.convert_to_tensor(features[name]) for name in others]
        return rest([x, *given], training=training)

    return Parts(lambda features, training: front(features, training=training), answer)


def embedded(model: Any) -> Any:
    """What the first layer makes of `token_ids`: a symbolic tensor (b, t, d).

    Raises: InputError if no layer makes numbers of them.
    """
    ids = model.input["token_ids"]
    for operation in model.operations:
        for node in operation._inbound_nodes:
            if any(tensor is ids for tensor in node.input_tensors):
                output = node.outputs[0]
                if output.dtype.startswith(("float", "bfloat")):
                    return output
    raise InputError("objective: no layer of the model embeds token_ids; use objective: plain")


def gradient(function: Callable[[Any], Any], x: Any) -> Any:
    """Derivative of the sum of `function(x)` (b,) by x, float32; no gradient goes through it."""
    x = tf.stop_gradient(x)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        value = tf.reduce_sum(function(x)) * RAISED
    slope = tape.gradient(value, x)
    return tf.stop_gradient(tf.cast(slope, tf.float32))


def size(x: Any, norm: Norm, real: Any) -> Any:
    """How large the embeddings of each text are, (b, 1, 1): what epsilon is a share of.

    The Euclidean norm over all real tokens for `l2`, the root mean square for `max`.
    """
    x = tf.cast(tf.stop_gradient(x), tf.float32)
    square = tf.reduce_sum(tf.square(x) * real, axis=(1, 2), keepdims=True)
    if norm == "l2":
        return tf.sqrt(square)
    numbers = tf.reduce_sum(real, axis=(1, 2), keepdims=True) * tf.cast(tf.shape(x)[-1], tf.float32)
    return tf.sqrt(square / tf.maximum(numbers, 1.0))


def noise(x: Any, features: dict[str, Any], model: Any, seed: int) -> Any:
    """Normal numbers of the shape of x, drawn from the seed, the step and the batch alone.

    So replicas differ, and a fit that is repeated does not.
    """
    step = tf.cast(model.optimizer.iterations, tf.int32)
    drawn = tf.stack([step + tf.cast(seed % 2**31, tf.int32), tf.reduce_sum(features["token_ids"])])
    return tf.random.stateless_normal(tf.shape(x), drawn)


def real_tokens(features: dict[str, Any]) -> Any:
    """1 for a token, 0 for padding, (b, t, 1)."""
    return tf.cast(features["padding_mask"], tf.float32)[:, :, None]


def direction(slope: Any, norm: Norm, real: Any) -> Any:
    """The step of length 1 that goes up most, (b, t, d); none where there is no slope."""
    slope = slope * real
    if norm == "max":
        return tf.sign(slope)
    length = tf.norm(tf.reshape(slope, (tf.shape(slope)[0], -1)), axis=1)[:, None, None]
    return slope / tf.maximum(length, TINY)


def projected(delta: Any, radius: Any, norm: Norm) -> Any:
    """The nearest change within `radius` (b, 1, 1)."""
    if norm == "max":
        return tf.clip_by_value(delta, -radius, radius)
    length = tf.norm(tf.reshape(delta, (tf.shape(delta)[0], -1)), axis=1)[:, None, None]
    return delta * tf.minimum(1.0, radius / tf.maximum(length, TINY))


def climb(
    loss_at: Callable[[Any], Any],
    x: Any,
    start: Any,
    *,
    steps: int,
    step: Any,
    radius: Any,
    norm: Norm,
    real: Any,
) -> Any:
    """The change (b, t, d) of x after some steps up the loss, each `step` (b, 1, 1) long.

    Projected gradient descent of Madry et al. 2018, on embeddings; it stays within `radius`.

    Args:
        loss_at: embeddings -> loss (b,).
        start: the first change.
    """
    delta = tf.stop_gradient(start)
    for _ in range(steps):
        slope = gradient(loss_at, x + tf.cast(delta, x.dtype))
        delta = projected(delta + step * direction(slope, norm, real), radius, norm)
    return tf.stop_gradient(delta)
