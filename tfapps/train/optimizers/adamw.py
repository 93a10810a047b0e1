"""AdamW for fine-tuning: decay for kernels only, a faster head, one fused kernel per weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfapps.graph import heads

_UNDECAYED = frozenset({"bias", "gamma", "beta", "scale"})
_TABLES = ("embedding",)
IN_HEAD = heads.among(heads.DEFAULT)


def decays(path: str) -> bool:
    """Return whether weight decay pulls on the weight at `path`: not on biases, nor on norms.

    Example: `decays("block_0_attention/qkv/kernel")` is True, `decays("norm/gamma")` is False.
    """
    return path.rsplit("/", 1)[-1] not in _UNDECAYED


def penalised(path: str) -> bool:
    """Return whether the L2 penalty counts the weight at `path`: kernels, no embeddings."""
    last = path.rsplit("/", 1)[-1]
    return last.endswith("kernel") and not any(word in path.lower() for word in _TABLES)


class AdamW(keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` with per-path rules and a fused update on the TensorFlow backend.

    Equal to the Keras one (1e-6) where the rules agree. A sparse gradient is made dense once.

    Args:
        learning_rate: a float or a schedule.
        weight_decay: decoupled: p -= rate * decay * p, before Adam's own step.
        exclude: paths without decay; by default those of biases and norms.
        factor: path -> factor on the learning rate, a number or a scalar; by default 1 everywhere.
        in_head: path -> whether the weight is in a head; by default as in a model without a task.
        sum_gradients: sum gradients over replicas as Keras does. The loop has done it already.
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        *,
        weight_decay: float = 0.01,
        exclude: Callable[[str], bool] = lambda path: not decays(path),
        factor: Callable[[str], Any] = lambda path: 1.0,
        in_head: Callable[[str], bool] = IN_HEAD,
        sum_gradients: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, **kwargs)
        if self.amsgrad:
            raise ValueError("AdamW: amsgrad has no fused kernel; leave it False")
        self._exclude = exclude
        self._factor = factor
        self._in_head = in_head
        self._sum_gradients = sum_gradients

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        """Do nothing: the decay is part of the update."""

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Sequence[Any], learning_rate: Any
    ) -> None:
        paths = [variable.path for variable in trainable_variables]
        places = [self._get_variable_index(variable) for variable in trainable_variables]
        values = [variable.value for variable in trainable_variables]
        moments = [(self._momentums[i].value, self._velocities[i].value) for i in places]
        if self._sum_gradients:
            grads = [g for g, _ in self._all_reduce_sum_gradients(zip(grads, values, strict=True))]
        rate = tf.cast(learning_rate, tf.float32)
        step = tf.cast(self.iterations + 1, tf.float32)
        powers = (tf.pow(self.beta_1, step), tf.pow(self.beta_2, step))

        def update(strategy: Any, grads: Any, rate: Any, powers: Any) -> None:
            for path, variable, grad, both in zip(paths, values, grads, moments, strict=True):
                # What differs between replicas goes through args: a closure would hand every
                # replica the tensors of the first.
                strategy.extended.update(
                    variable, self._fused, args=(grad, both, rate, powers, path), group=False
                )

        tf.__internal__.distribute.interim.maybe_merge_call(
            update, self._distribution_strategy, list(grads), rate, powers
        )

    def _fused(
        self, variable: Any, grad: Any, moments: Any, rate: Any, powers: Any, path: str
    ) -> None:
        (m, v), dtype = moments, variable.dtype
        rate = tf.cast(rate * self._factor(path), dtype)
        if self.weight_decay and not self._exclude(path):
            variable.assign_sub(variable * (rate * tf.cast(self.weight_decay, dtype)))
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=m.handle,
            v=v.handle,
            beta1_power=tf.cast(powers[0], dtype),
            beta2_power=tf.cast(powers[1], dtype),
            lr=rate,
            beta1=tf.cast(self.beta_1, dtype),
            beta2=tf.cast(self.beta_2, dtype),
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(tf.convert_to_tensor(grad), dtype),
        )
