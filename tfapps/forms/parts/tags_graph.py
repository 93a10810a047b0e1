"""A whole tagger with a CRF as one graph: the best path over the words, for clients without one."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfapps.decoding.viterbi import FORBIDDEN

SIGNATURE = "tag"
STARTS = "word_starts"


class Tagger:
    """A model that gives logits and transitions, and the algorithm of Viterbi behind it.

    Says what `chain.best_path` says of the places where `word_starts` is 1, and has what
    `_module.save` asks of a model.

    Shapes: the model's inputs and word_starts (b, t) -> tags (b, t) int32, the number of the tag at
    each of these places, -1 elsewhere.

    Args:
        allowed: (k + 2, k) bool, see `chain.best_path`.
    """

    def __init__(self, model: Any, allowed: np.ndarray) -> None:
        import keras

        shape = model.inputs[0].shape[:2]
        starts = keras.Input(shape[1:], batch_size=shape[0], dtype="int32", name=STARTS)
        self.inputs, self.variables = [*model.inputs, starts], model.variables
        self._model, self._penalties = model, np.where(allowed, 0.0, FORBIDDEN).astype("float32")

    def __call__(self, features: dict[str, Any], training: bool = False) -> dict[str, Any]:
        import tensorflow as tf

        inputs = {name: value for name, value in features.items() if name != STARTS}
        outputs = self._model(inputs, training=False)
        scores = tf.cast(outputs["transitions"], tf.float32) + self._penalties
        logits, real = tf.cast(outputs["logits"], tf.float32), features[STARTS] > 0
        last, came_from = _forward(logits, real, scores)
        return {"tags": tf.where(real, _backward(last, came_from, real), -1)}


def _forward(logits: Any, real: Any, scores: Any) -> tuple[Any, Any]:
    """Return the best last tag, (b,), and which tag each came from, (b, t, k)."""
    import tensorflow as tf

    start, end, steps = scores[:, -2], scores[:, -1], scores[:, :-2]
    rows, length, tags = (size or tf.shape(logits)[i] for i, size in enumerate(logits.shape))
    itself = tf.range(tags)[None]

    def body(place: Any, best: Any, begun: Any, came_from: Any) -> tuple[Any, ...]:
        is_word = tf.gather(real, place, axis=1)[:, None]  # (b, 1)
        paths = best[:, :, None] + steps  # from, to
        reached = tf.where(begun, tf.reduce_max(paths, axis=1), start)
        reached = reached + tf.gather(logits, place, axis=1)
        origin = tf.argmax(paths, axis=1, output_type=tf.int32)
        origin = tf.where(tf.logical_and(is_word, begun), origin, itself)
        at_place = (tf.range(length) == place)[None, :, None]
        return (
            place + 1,
            tf.where(is_word, reached, best),
            tf.logical_or(begun, is_word),
            tf.where(at_place, origin[:, None], came_from),
        )

    first = (
        tf.constant(0),
        tf.zeros([rows, tags]),
        tf.zeros([rows, 1], tf.bool),
        tf.zeros([rows, length, tags], tf.int32),
    )
    _, best, _, came_from = tf.while_loop(lambda place, *_: place < length, body, first)
    return tf.argmax(best + end, axis=1, output_type=tf.int32), came_from


def _backward(last: Any, came_from: Any, real: Any) -> Any:
    """Return the best path's tags at all places, (b, t); padding repeats that of the next word."""
    import tensorflow as tf

    rows, length = (size or tf.shape(real)[i] for i, size in enumerate(real.shape))
    tags = came_from.shape[2]

    def body(place: Any, tag: Any, path: Any) -> tuple[Any, ...]:
        path = tf.where((tf.range(length) == place)[None], tag[:, None], path)
        origin = tf.gather(came_from, place, axis=1)  # (b, k)
        chosen = tf.range(tags)[None] == tag[:, None]
        tag = tf.reduce_sum(tf.where(chosen, origin, 0), axis=1)
        return place - 1, tag, path

    first = (tf.convert_to_tensor(length) - 1, last, tf.zeros([rows, length], tf.int32))
    return tf.while_loop(lambda place, *_: place >= 0, body, first)[2]
