"""One optimizer step: gradients of every replica summed once, clipped as a whole, then applied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfapps.errors import InputError
from tfapps.train.optimizers.adamw import penalised

Objective = Callable[..., tuple[Any, Any]]


class Report(NamedTuple):
    """The report of one step, float32: mean loss, real rows, gradient norm, learning rate."""

    loss: float
    rows: float
    gradient_norm: float
    learning_rate: float


class Step:
    """Compiled step over a strategy; call it once per (micro-)batch.

    The gradient is that of sum(weight * loss) / sum(weight) over all replicas and all
    micro-batches since the last update, so accumulation and filler rows change nothing.

    Args:
        objective: (model, features, targets, training) -> (loss per example (b,), logits). Its
            `variables`, if it has some, train beside the model's.
        optimizer: takes summed gradients (`optimizer.make`); built here.
        spec: element spec of the (distributed) dataset: one trace serves every length in it.
        rows: the most of a batch; only keeps float16 gradients near 1.
        watch: each is shown the mean gradients of every step by path, before they are clipped.
    """

    def __init__(
        self,
        model: keras.Model,
        objective: Objective,
        optimizer: keras.optimizers.Optimizer,
        strategy: tf.distribute.Strategy,
        *,
        spec: Any,
        rows: int,
        clip_norm: float | None = None,
        l2: float = 0.0,
        accumulate: int = 1,
        watch: Sequence[Callable[[dict[str, tf.Tensor]], None]] = (),
    ) -> None:
        if not model.trainable_variables:
            raise InputError("nothing to train: every weight is frozen; expected a trainable one")
        for variable in model.trainable_variables:
            if not strategy.extended.variable_created_in_scope(variable.value):
                raise ValueError(f"{variable.path}: build the model inside strategy.scope()")
        self.model, self.objective, self.optimizer = model, objective, optimizer
        self.strategy, self.rows, self.clip_norm, self.l2 = strategy, rows, clip_norm, l2
        self.watch = watch
        self.variables = [*model.trainable_variables, *getattr(objective, "variables", ())]
        with strategy.scope():
            if not optimizer.built:
                optimizer.build(self.variables)
            self.sums = [_local_sum(v.shape) for v in self.variables] if accumulate > 1 else []
            self.totals = _local_sum((2,)) if accumulate > 1 else None
        # Nothing here is Python to be made a graph of: it is traced sooner so.
        self._gather = tf.function(self._run_gather, input_signature=[spec], autograph=False)
        self._update = tf.function(self._run_update, input_signature=[spec], autograph=False)

    def __call__(self, batch: Any, update: bool = True) -> tf.Tensor | None:
        """Report (4,) of an update; None where the gradient was only added to the sum."""
        if update:
            return self._update(batch)
        self._gather(batch)
        return None

    def _run_gather(self, batch: Any) -> None:
        self.strategy.run(self._add, args=(batch,))

    def _run_update(self, batch: Any) -> tf.Tensor:
        report = self.strategy.run(self._step, args=(batch,))
        return self.strategy.experimental_local_results(report)[0]

    def _gradients(self, batch: Any) -> tuple[list[Any], tf.Tensor]:
        """Return gradients of this replica's weighted loss sum / rows; (2,) loss, weight sum."""
        features, targets, weight = batch
        weight = tf.cast(weight, tf.float32)
        with tf.GradientTape() as tape:
            losses, _ = self.objective(self.model, features, targets, training=True)
            loss = tf.reduce_sum(tf.cast(losses, tf.float32) * weight)
            if self.model.losses:
                loss += tf.reduce_sum(weight) * tf.add_n(
                    [tf.cast(extra, tf.float32) for extra in self.model.losses]
                )
            scaled = self.optimizer.scale_loss(loss / self.rows)
        grads = tape.gradient(scaled, [v.value for v in self.variables])
        return grads, tf.stack([loss, tf.reduce_sum(weight)])

    def _add(self, batch: Any) -> None:
        grads, totals = self._gradients(batch)
        for total, grad in zip(self.sums, grads, strict=True):
            if grad is not None:
                total.assign_add(tf.cast(tf.convert_to_tensor(grad), total.dtype))
        self.totals.assign_add(totals)

    def _step(self, batch: Any) -> tf.Tensor:
        grads, totals = self._gradients(batch)
        used = [i for i, grad in enumerate(grads) if grad is not None]
        if not used:
            raise InputError("nothing to train: the loss depends on no trainable weight")
        variables = [self.variables[i] for i in used]
        grads = [grads[i] for i in used]
        if self.sums:
            grads, totals = self._drain(grads, totals, used)
        if self.strategy.num_replicas_in_sync > 1:
            context = tf.distribute.get_replica_context()
            *grads, totals = context.all_reduce(tf.distribute.ReduceOp.SUM, [*grads, totals])
        grads = [tf.convert_to_tensor(grad) for grad in grads]
        loss = tf.math.divide_no_nan(totals[0], totals[1])
        mean = tf.math.divide_no_nan(float(self.rows), totals[1])
        grads, norm, penalty = self._finish(grads, variables, mean)
        rate = tf.cast(self.optimizer.learning_rate, tf.float32)
        self.optimizer.apply(grads, variables)
        return tf.stack([loss + penalty, totals[1], norm, rate])

    def _drain(
        self, grads: Sequence[Any], totals: tf.Tensor, used: Sequence[int]
    ) -> tuple[list[Any], tf.Tensor]:
        """Return this micro-batch plus the stored sums, and reset the sums to zero."""
        summed = []
        for i, grad in zip(used, grads, strict=True):
            total = self.sums[i]
            summed.append(total.read_value() + tf.cast(tf.convert_to_tensor(grad), total.dtype))
        totals = totals + self.totals.read_value()
        with tf.control_dependencies([*summed, totals]):
            for total in [*(self.sums[i] for i in used), self.totals]:
                total.assign(tf.zeros_like(total.read_value()))
        return summed, totals

    def _finish(
        self, grads: list[tf.Tensor], variables: Sequence[Any], mean: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor, tf.Tensor]:
        """Return mean gradients with the L2 term, clipped, still loss-scaled; norm; penalty."""
        scale = tf.cast(self.optimizer.scale_loss(1.0), tf.float32)
        penalty = tf.zeros([])
        if self.l2:
            for i, variable in enumerate(variables):
                if penalised(variable.path):
                    value = tf.convert_to_tensor(variable.value)
                    penalty += self.l2 * tf.reduce_sum(tf.square(tf.cast(value, tf.float32)))
                    # Divided by `mean`, because the factor below multiplies everything by it.
                    weight = 2.0 * self.l2 * tf.math.divide_no_nan(scale, mean)
                    grads[i] += tf.cast(weight, value.dtype) * value
        norm = tf.linalg.global_norm(grads) * mean / scale
        for watch in self.watch:
            means = [grad * tf.cast(mean / scale, grad.dtype) for grad in grads]
            watch(dict(zip((v.path for v in variables), means, strict=True)))
        factor = mean
        if self.clip_norm is not None:
            factor *= self.clip_norm / tf.maximum(norm, self.clip_norm)
        return [grad * tf.cast(factor, grad.dtype) for grad in grads], norm, penalty


def _local_sum(shape: Sequence[int]) -> tf.Variable:
    """Return float32 zeros that each replica adds to by itself, without communication."""
    return tf.Variable(
        tf.zeros(shape),
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.SUM,
    )
