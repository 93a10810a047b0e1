"""Magnitude pruning: the smallest weights become zeros while the rest trains on without them.

Schedules and masks are those of the TensorFlow Model Optimization toolkit (Zhu and Gupta 2017, "To
prune, or not to prune"), bound to Keras 3 weights: a mask is a constraint of its weight, so there
is nothing to strip afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from tfapps.compress import base
from tfapps.compress._fine_tune import FineTune
from tfapps.compress._imports import importing_toolkit
from tfapps.compress._select import EXCLUDE, INCLUDE

if TYPE_CHECKING:
    import keras

NOT_AFTER = {
    "cluster": "pruned and remaining weights would have to share a centroid",
    "qat": "its ranges would be learned for weights that are then pruned",
}


class Config(FineTune):
    """How many weights are pruned, which ones, in what pattern, and when.

    Attributes:
        sparsity: share of zeros in each pruned weight at the end.
        m_by_n: instead of a sparsity, m zeros in every n inputs of an output, made at `begin`.
        schedule: polynomial grows from `initial_sparsity`, constant prunes at once.
        power: exponent of the polynomial; 3 prunes fast at first and slowly at the end.
        begin: fraction of the fine-tuning's steps after which the first weights are pruned.
        end: fraction of the steps after which masks no longer change.
        frequency: steps between mask updates.
        block: rows (inputs) and columns (outputs) pruned together; (4, 1) and (16, 1) are
            what LiteRT, which transposes matrices, calls 1x4 and 1x16.
        pooling: whether a block is scored by its mean or by its largest weight.
        include: patterns of weight paths (`block_0_*`, `*/qkv/kernel`).
        exclude: patterns of weight paths that stay unchanged.
    """

    tiny: ClassVar = {"sparsity": 0.5}

    name: str = "prune"
    sparsity: float | None = Field(None, ge=0, lt=1)
    m_by_n: tuple[int, int] | None = None
    schedule: Literal["polynomial", "constant"] = "polynomial"
    initial_sparsity: float = Field(0.0, ge=0, lt=1)
    power: float = Field(3.0, gt=0)
    begin: float = Field(0.0, ge=0, lt=1)
    end: float = Field(0.6, gt=0, le=1)
    frequency: int = Field(20, ge=1)
    block: tuple[int, int] | None = None
    pooling: Literal["AVG", "MAX"] = "AVG"
    include: tuple[str, ...] = INCLUDE
    exclude: tuple[str, ...] = EXCLUDE

    @model_validator(mode="after")
    def _one_form(self) -> Config:
        if self.m_by_n is not None:
            m, n = self.m_by_n
            if not 0 < m < n:
                raise ValueError(f"m_by_n: got {[m, n]}, expected m zeros in n weights, 0 < m < n")
            if self.sparsity is not None:
                raise ValueError(f"got both sparsity and m_by_n, which is a sparsity of {m / n:g}")
            if self.block is not None:
                raise ValueError("got both block and m_by_n, expected one form of sparsity")
        elif self.sparsity is None:
            raise ValueError("got neither sparsity nor m_by_n, expected one, e.g. sparsity: 0.8")
        elif self.initial_sparsity > self.sparsity:
            raise ValueError(
                f"initial_sparsity: got {self.initial_sparsity:g}, expected no more than sparsity, "
                f"{self.sparsity:g}"
            )
        if self.initial_sparsity and (self.schedule == "constant" or self.m_by_n is not None):
            raise ValueError("initial_sparsity is for the polynomial schedule; leave it out")
        if self.begin >= self.end:
            raise ValueError(f"begin: got {self.begin:g}, expected less than end, {self.end:g}")
        if self.block is not None and min(self.block) < 1:
            raise ValueError(f"block: got {list(self.block)}, expected two sizes of 1 or more")
        return self


def build(config: Config, model: keras.Model, plan: Mapping[str, Any]) -> keras.Model:
    """Return the same model: zeros need no other architecture."""
    return model


def callbacks(config: Config, model: keras.Model, steps: int) -> list[Any]:
    """Return the callback that updates masks on schedule; masks apply to weights from now on.

    Raises:
        InputError: as `prunable`.
    """
    return [_pruner(config, prunable(config, model), steps)]


def finish(config: Config, model: keras.Model) -> None:
    """Prune at once if there is no fine-tuning."""
    if config.epochs:
        return
    pruning = Pruning(config, steps=1)
    for weight in prunable(config, model).values():
        weight.assign(weight * pruning.mask(weight, pruning.last)[0])


def hold(config: Config, model: keras.Model) -> None:
    """Keep zeros at zero in later fits."""
    import keras

    from tfapps.compress._constraints import Mask, add

    for weight in prunable(config, model).values():
        add(weight, Mask(keras.Variable(weight != 0, dtype="bool", trainable=False)))


def ready(config: Config) -> int:
    """Return the first epoch that ends with the final sparsity."""
    last = config.begin if config.m_by_n is not None else config.end
    return min(int(last * config.epochs + 1e-9) + 1, max(config.epochs, 1))


def report(config: Config, model: keras.Model) -> dict[str, float]:
    """Return the share of zeros in the pruned weights, and their number."""
    import numpy as np

    values = [np.asarray(weight) for weight in prunable(config, model).values()]
    zeros = sum(int((value == 0).sum()) for value in values)
    return {"sparsity": zeros / sum(value.size for value in values), "zeros": zeros}


def prunable(config: Config, model: keras.Model) -> dict[str, keras.Variable]:
    """Return the weights that the config selects, by path.

    Raises:
        InputError: a pattern matches no matrix, no weight is selected, or one is not a matrix.
    """
    from tfapps.compress import _select
    from tfapps.errors import InputError

    chosen = _select.matrices("prune", model, config.include, config.exclude)
    form = "block" if config.block else "m_by_n"
    ranks = (2,) if config.block else (2, 4) if config.m_by_n else ()
    odd = [path for path, weight in chosen.items() if ranks and len(weight.shape) not in ranks]
    if odd:
        raise InputError(f"prune.{form}: expected matrices, {odd[0]} is not one; exclude it")
    return chosen


class Pruning:
    """The toolkit's schedule and masks for one fit.

    Args:
        steps: optimizer steps of the fit.
    """

    def __init__(self, config: Config, steps: int) -> None:
        impl, schedules = _toolkit()
        first = int(config.begin * steps + 1e-9)
        span = 0
        if config.m_by_n is None:
            span = max(0, min(int(config.end * steps + 1e-9), steps - 1) - first)
        # Updates come at multiples of the frequency after the first; the last must be the end.
        frequency = max(1, min(config.frequency, span))
        self.last = first + span // frequency * frequency
        final = config.sparsity or 0.0
        if config.schedule == "constant" or self.last == first:
            self.schedule = schedules.ConstantSparsity(final, first, self.last, frequency)
        else:
            self.schedule = schedules.PolynomialDecay(
                config.initial_sparsity, final, first, self.last, config.power, frequency
            )
        self._step = 0
        self._impl = impl.Pruning(
            training_step_fn=lambda: self._step,
            pruning_vars=[],
            pruning_schedule=self.schedule,
            block_size=config.block or (1, 1),
            block_pooling_type=config.pooling,
            sparsity_m_by_n=config.m_by_n,
        )

    def updates_at(self, step: int) -> bool:
        """Return whether masks are updated before optimizer step `step`, from 0."""
        return bool(self.schedule(step)[0])

    def mask(self, weight: Any, step: int) -> tuple[Any, float]:
        """Return 1 where a weight is kept, of its shape, and the magnitude threshold."""
        import tensorflow as tf

        self._step = step
        threshold, mask = self._impl._maybe_update_block_mask(tf.convert_to_tensor(weight.value))
        return mask, float(threshold)


def _pruner(config: Config, weights: Mapping[str, Any], steps: int) -> Any:
    import keras
    from keras import ops

    from tfapps.compress._constraints import Mask, add

    pruning = Pruning(config, steps)
    masks = {
        path: keras.Variable(ops.ones(weight.shape, "bool"), dtype="bool", trainable=False)
        for path, weight in weights.items()
    }
    for path, weight in weights.items():
        add(weight, Mask(masks[path]))

    class Pruner(keras.callbacks.Callback):
        """Updates masks at the steps of the schedule."""

        def on_train_begin(self, logs: Any = None) -> None:
            self.step = 0

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if pruning.updates_at(self.step):
                for path, weight in weights.items():
                    mask, _ = pruning.mask(weight, self.step)
                    masks[path].assign(ops.cast(mask, "bool"))
                    weight.assign(ops.multiply(weight, ops.cast(mask, weight.dtype)))
            self.step += 1

        def state(self) -> dict[str, Any]:
            """Return the current masks, for a checkpoint."""
            return {"step": self.step} | {path: mask.numpy() for path, mask in masks.items()}

        def take(self, state: Mapping[str, Any]) -> None:
            """Resume from what `state` returned."""
            self.step = int(state["step"])
            for path, mask in masks.items():
                mask.assign(state[path])

        def scalars(self) -> dict[str, float]:
            """Return the share of zeros of each weight."""
            return {
                f"sparsity/{path}": 1.0 - float(ops.mean(ops.cast(mask, "float32")))
                for path, mask in masks.items()
            }

    return Pruner()


def _toolkit() -> tuple[Any, Any]:
    """Return the toolkit's modules of masks and schedules."""
    with importing_toolkit():
        from tensorflow_model_optimization.python.core.sparsity.keras import (
            pruning_impl,
            pruning_schedule,
        )
    return pruning_impl, pruning_schedule


class Compressor(base.Compressor):
    """The hooks that other packages call."""

    not_after = NOT_AFTER
    build = staticmethod(build)
    callbacks = staticmethod(callbacks)
    ready = staticmethod(ready)
    finish = staticmethod(finish)
    hold = staticmethod(hold)
    report = staticmethod(report)
