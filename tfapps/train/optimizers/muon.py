"""Muon: kernels move by orthogonalised momentum, so that no direction is left behind."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfapps.train.optimizers.adamw import AdamW, penalised

_MOMENTUM = 0.95
_STEPS = 5
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
# A root mean square that AdamW's steps have, so that its rate and its decay serve here as well.
_SIZE = 0.2


def orthogonal(x: Any) -> Any:
    """Bring the singular values of `x` [a, b] near 1, between 0.7 and 1.2, by five products.

    Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".

    Example: `orthogonal(tf.linalg.diag([3.0, 0.1]))` has a diagonal of about [0.7, 1.1].
    """
    a, b, c = _COEFFICIENTS
    tall = x.shape[0] > x.shape[1]
    x = tf.transpose(x) if tall else x
    x = x / (tf.norm(x) + 1e-7)
    for _ in range(_STEPS):
        square = tf.matmul(x, x, transpose_b=True)
        x = a * x + tf.matmul(b * square + c * tf.matmul(square, square), x)
    return tf.transpose(x) if tall else x


class Muon(AdamW):
    """AdamW whose kernels of layers inside the model move by orthogonalised Nesterov momentum.

    Tables, heads, biases and norms move as under AdamW. Equal to `keras.optimizers.Muon` (1e-6)
    for a kernel. The step has the size of AdamW's (Liu et al. 2025, "Muon is scalable for LLM
    training", 2.2): the same learning rate serves both.
    """

    def _fused(
        self, variable: Any, grad: Any, moments: Any, rate: Any, powers: Any, path: str
    ) -> None:
        if not penalised(path) or self._in_head(path) or len(variable.shape) != 2:
            super()._fused(variable, grad, moments, rate, powers, path)
            return
        m, dtype = moments[0], variable.dtype
        grad = tf.cast(tf.convert_to_tensor(grad), dtype)
        rate = tf.cast(rate * self._factor(path), dtype)
        decay = tf.cast(0.0 if self._exclude(path) else self.weight_decay or 0.0, dtype)
        m.assign(m * _MOMENTUM + grad)
        step = orthogonal(grad + _MOMENTUM * m) * (_SIZE * max(variable.shape) ** 0.5)
        variable.assign_sub(rate * (step + decay * variable))
