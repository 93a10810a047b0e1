"""A linear-chain conditional random field: scores tags as a sequence."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

FORBIDDEN = -1e4  # a score that no best path has; well within the range of float16


@keras.saving.register_keras_serializable("tfapps")
class CRF(keras.layers.Layer):
    """Scores of every tag, and of the transitions from each tag to the next.

    Forbidden transitions are not weights: the scorer of a path defines them (`log_likelihood`,
    `tfapps.decoding.viterbi`).

    Source: Lafferty et al. 2001, "Conditional Random Fields"; for tagging on top of a network
    Lample et al. 2016, "Neural Architectures for Named Entity Recognition".

    Shapes: logits (b, t, k) -> the same, and transitions (b, k + 2, k): row i is of tag i followed
    by each tag, row k of each tag at the start, row k + 1 at the end.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        tags = input_shape[-1]
        self.transitions = self.add_weight(
            name="transitions",
            shape=(tags + 2, tags),
            initializer=keras.initializers.RandomUniform(-0.1, 0.1),
        )

    def call(self, logits: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        # Tied to the input, because no file format supports outputs that depend on no input.
        nothing = ops.multiply(logits[:, :1, :], ops.cast(0.0, logits.dtype))  # b 1 k
        transitions = ops.expand_dims(ops.cast(self.transitions, logits.dtype), 0)
        return logits, ops.add(transitions, nothing)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[Any, Any]:
        tags = input_shape[-1]
        return input_shape, (input_shape[0], tags + 2, tags)


def log_likelihood(
    logits: KerasTensor,
    transitions: KerasTensor,
    label_ids: KerasTensor,
    allowed: np.ndarray | None = None,
) -> KerasTensor:
    """Return the log-probability of the tags of each row, (b,), float32; 0 for a row without tags.

    Args:
        logits: (b, t, k).
        transitions: (b, k + 2, k), see `CRF`.
        label_ids: (b, t), the number of the tag plus 1, or 0 for a position without one: a path
            covers only positions with a tag.
        allowed: (k + 2, k) bool, like the transitions: which of them a path may take.

    Example:
        >>> log_likelihood(np.zeros((1, 2, 3)), np.zeros((1, 5, 3)), np.array([[1, 2]]))
        [-2.197]  # one of nine equal paths
    """
    logits, steps = ops.cast(logits, "float32"), ops.cast(transitions, "float32")
    if allowed is not None:
        steps = ops.add(steps, np.where(allowed, 0.0, FORBIDDEN).astype("float32"))
    logits, tags, real_places = _together(logits, label_ids)
    start, end, steps = steps[:, -2], steps[:, -1], steps[:, :-2]
    paths = _all_paths(logits, real_places, start, end, steps)
    score = _one_path(logits, tags, real_places, start, end, steps)
    return ops.where(real_places[:, 0], ops.subtract(score, paths), 0.0)


def word_loss(
    logits: KerasTensor, transitions: KerasTensor, label_ids: KerasTensor, allowed: np.ndarray
) -> KerasTensor:
    """Return the negative log-likelihood of the tags of each window a word, (b,).

    Args:
        allowed: (k + 2, k) bool, of sentences. A window may begin and end inside of an entity; a
            sentence, which is decoded, may not.
    """
    steps = np.concatenate([allowed[:-2], np.ones_like(allowed[-2:])])
    log_probability = log_likelihood(logits, transitions, label_ids, steps)
    words = ops.sum(ops.cast(ops.greater(label_ids, 0), "float32"), axis=1)
    return ops.divide(ops.negative(log_probability), ops.maximum(words, 1.0))


def _together(logits: KerasTensor, label_ids: KerasTensor) -> tuple[Any, Any, Any]:
    """Move positions with a tag to the front of each row; return logits, tags, which are real."""
    length = ops.shape(label_ids)[1]
    label_ids = ops.cast(label_ids, "int32")
    places = ops.expand_dims(ops.arange(length, dtype="int32"), 0)
    order = ops.argsort(ops.where(ops.greater(label_ids, 0), places, ops.add(places, length)))
    labels = ops.take_along_axis(label_ids, order, axis=1)
    logits = ops.take_along_axis(logits, ops.expand_dims(order, -1), axis=1)
    return logits, ops.maximum(ops.subtract(labels, 1), 0), ops.greater(labels, 0)


def _all_paths(logits: Any, real_places: Any, start: Any, end: Any, steps: Any) -> KerasTensor:
    """Return the log-sum-exp of the scores of all paths, by the forward algorithm; (b,)."""

    def step(before: Any, here: Any) -> tuple[Any, Any]:
        scores, real = here[:, :-1], ops.greater(here[:, -1:], 0.0)
        after = ops.add(ops.logsumexp(ops.add(before[:, :, None], steps), axis=1), scores)
        after = ops.where(real, after, before)
        return after, after

    first = ops.add(start, logits[:, 0])
    # One tensor: Keras fails with several of unknown length.
    remaining = ops.concatenate([logits, ops.cast(real_places, logits.dtype)[:, :, None]], axis=-1)
    last, _ = ops.scan(step, first, ops.swapaxes(remaining[:, 1:], 0, 1))
    return ops.logsumexp(ops.add(last, end), axis=-1)


def _one_path(logits: Any, tags: Any, mask: Any, start: Any, end: Any, steps: Any) -> KerasTensor:
    """Return the score of the path of `tags`, (b,)."""
    count = ops.shape(start)[-1]
    real = ops.cast(mask, "float32")
    hot = ops.multiply(ops.one_hot(tags, count), ops.expand_dims(real, -1))  # b t k
    scores = ops.sum(ops.multiply(logits, hot), axis=(1, 2))
    taken = ops.einsum("bti,bij,btj->b", hot[:, :-1], steps, hot[:, 1:])
    # The last tag is the one that nothing follows.
    final = ops.subtract(real, ops.pad(real[:, 1:], [[0, 0], [0, 1]]))
    ends = ops.einsum("btk,bt,bk->b", hot, final, end)
    return scores + taken + ends + ops.sum(ops.multiply(hot[:, 0], start), axis=-1)
