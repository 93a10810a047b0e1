"""LAMB: every weight moves by a share of its own size, so that very large batches still learn."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfapps.train.optimizers.adamw import AdamW


class Lamb(AdamW):
    """AdamW whose step, decay included, is scaled to the norm of what it changes.

    Weights without decay (biases, norms) move as under AdamW. Equal to `keras.optimizers.Lamb`
    (1e-6) where nothing decays. Source: You et al. 2020, "Large Batch Optimization for Deep
    Learning: Training BERT in 76 minutes", algorithm 2.
    """

    def _fused(
        self, variable: Any, grad: Any, moments: Any, rate: Any, powers: Any, path: str
    ) -> None:
        if self._exclude(path):
            super()._fused(variable, grad, moments, rate, powers, path)
            return
        (m, v), dtype = moments, variable.dtype
        grad = tf.cast(tf.convert_to_tensor(grad), dtype)
        m.assign_add((grad - m) * (1.0 - self.beta_1))
        v.assign_add((tf.square(grad) - v) * (1.0 - self.beta_2))
        mean = m / (1.0 - tf.cast(powers[0], dtype))
        size = tf.sqrt(v / (1.0 - tf.cast(powers[1], dtype))) + self.epsilon
        step = mean / size + tf.cast(self.weight_decay or 0.0, dtype) * variable
        norm, length = tf.norm(variable), tf.norm(step)
        scalable = tf.logical_and(norm > 0, length > 0)
        ratio = tf.where(scalable, tf.math.divide_no_nan(norm, length), 1.0)
        variable.assign_sub(tf.cast(rate * self._factor(path), dtype) * ratio * step)
