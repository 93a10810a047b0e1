"""Hide words for a masked language model, different ones in every epoch."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import tensorflow as tf

from tfapps.data.plan import WHOLE, Part

PLACES, IDS = "masked_places", "masked_ids"
Tensors = dict[str, tf.Tensor]


class Masking:
    """Hides a share of the tokens of a batch, as BERT does it: `[MASK]`, another piece, or itself.

    The same seed always hides the same. Source: Devlin et al. 2019, "BERT", section 3.1; whole
    words as in its authors' later release.

    Args:
        mask_id: of `[MASK]`.
        never: ids that are never hidden: `[CLS]` and `[SEP]`, say.
        vocabulary_size: ids below it, but for those of `never`, stand in for some hidden ones.
        continues: (v,) bool, which pieces continue a word: whole words are hidden, or none of it.
            None hides pieces one by one.
        rate: share of the tokens of a row that are hidden, rounded; at least one is.
        masked: share of the hidden ones that are `[MASK]`.
        replaced: share of the hidden ones that are another piece; the rest is left as it is.

    Shapes: token_ids, padding_mask (b, t) -> token_ids (b, t); masked_places (b, m), where hidden
    tokens stand, and masked_ids (b, m), what they are, both with zeros behind them; m is
    `places(t)`.
    """

    def __init__(
        self,
        mask_id: int,
        never: Collection[int],
        vocabulary_size: int,
        *,
        continues: np.ndarray | None = None,
        rate: float = 0.15,
        masked: float = 0.8,
        replaced: float = 0.1,
    ) -> None:
        self.mask_id, self.rate, self.masked, self.replaced = mask_id, rate, masked, replaced
        self._never = np.isin(np.arange(vocabulary_size), list(never))
        self._continues = continues
        self._others = np.flatnonzero(~self._never).astype(np.int32)

    def places(self, length: Any) -> Any:
        """Return how many tokens of a row of this length are hidden at most."""
        if isinstance(length, int):
            return max(1, round(self.rate * length))
        share = tf.round(self.rate * tf.cast(length, tf.float64))
        return tf.maximum(tf.cast(share, tf.int32), 1)

    def __call__(
        self, features: Tensors, targets: Tensors, seed: Any, part: Part = WHOLE
    ) -> tuple[Tensors, Tensors]:
        """Return features with hidden tokens and `masked_places`, and targets with `masked_ids`.

        Args:
            seed: (2,) integers.
            part: (k, n), the rows are the k-th of n equal parts of a batch: hidden is what would be
                hidden of them in the whole.
        """
        ids = features["token_ids"]
        seeds = tf.random.split(tf.cast(seed, tf.int32), 3)
        real = tf.logical_and(
            features["padding_mask"] > 0, tf.logical_not(tf.gather(self._never, ids))
        )
        places, hidden = self._chosen(ids, real, seeds[0], part)
        original = tf.gather(ids, places, axis=1, batch_dims=1)
        draw = _uniform(places, seeds[1], part)
        replacement = _uniform(places, seeds[2], part, maxval=len(self._others), dtype=tf.int32)
        replaced = tf.where(
            draw < self.masked + self.replaced, tf.gather(self._others, replacement), original
        )
        replaced = tf.where(draw < self.masked, self.mask_id, replaced)
        changed = _scatter(ids, places, tf.where(hidden, replaced, original))
        features = {**features, "token_ids": changed, PLACES: tf.where(hidden, places, 0)}
        return features, {**targets, IDS: tf.where(hidden, original, 0)}

    def _chosen(
        self, ids: tf.Tensor, real: tf.Tensor, seed: tf.Tensor, part: Part
    ) -> tuple[Any, Any]:
        """Return places (b, m) of tokens in the order in which they are hidden, and which are."""
        length = ids.shape[1] or tf.shape(ids)[1]
        most = self.places(length)
        word = self._words(ids, real)
        luck = _uniform(ids, seed, part)
        luck = tf.where(real, tf.gather(luck, word, axis=1, batch_dims=1), 2.0)  # one a word
        order = tf.argsort(luck, axis=1, stable=True)
        count = tf.reduce_sum(tf.cast(real, tf.int32), axis=1, keepdims=True)
        quota = tf.cast(tf.round(self.rate * tf.cast(count, tf.float32)), tf.int32)
        quota = tf.minimum(tf.maximum(quota, 1), tf.minimum(count, most))
        first, size = _runs(tf.gather(word, order, axis=1, batch_dims=1))
        rank = tf.range(length)[None]
        # A word that does not fit into what is left stays; one that alone is too long is cut.
        fits = tf.logical_or(first + size <= quota, tf.logical_and(first == 0, rank < quota))
        hidden = tf.logical_and(fits, rank < quota)
        return order[:, :most], hidden[:, :most]

    def _words(self, ids: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        """Return the number of each token's word, (b, t), below t."""
        if self._continues is None:
            return tf.zeros_like(ids) + tf.range(tf.shape(ids)[1])[None]
        goes_on = tf.logical_and(real, tf.gather(self._continues, ids))
        begins = tf.cast(tf.logical_not(goes_on), tf.int32)
        return tf.maximum(tf.cumsum(begins, axis=1) - 1, 0)


def _uniform(like: tf.Tensor, seed: tf.Tensor, part: Part, **options: Any) -> tf.Tensor:
    """Return the part of a batch's random numbers whose rows `like` (b, t) has, (b, t)."""
    number, parts = part
    rows, width = tf.shape(like)[0], tf.shape(like)[1]
    drawn = tf.random.stateless_uniform([rows * parts, width], seed, **options)
    return drawn[number * rows : (number + 1) * rows]


def _runs(numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return start and length of the run of equal numbers that each place is in; (b, t)."""
    rows, length = tf.shape(numbers)[0], tf.shape(numbers)[1]
    place = tf.zeros_like(numbers) + tf.range(length)[None]
    run_ids = numbers + tf.range(rows)[:, None] * length  # no two rows share a number
    starts = tf.math.unsorted_segment_min(place, run_ids, rows * length)
    sizes = tf.math.unsorted_segment_sum(tf.ones_like(numbers), run_ids, rows * length)
    return tf.gather(starts, run_ids), tf.gather(sizes, run_ids)


def _scatter(ids: tf.Tensor, places: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Return `ids` (b, t) with `values` (b, m) at `places` (b, m)."""
    rows = tf.zeros_like(places) + tf.range(tf.shape(places)[0])[:, None]
    where = tf.stack([rows, places], axis=-1)
    return tf.tensor_scatter_nd_update(ids, where, values)
