"""The optimizer that a config asks for."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import keras

from tfapps.config.sections import TrainConfig
from tfapps.train.optimizers import schedules
from tfapps.train.optimizers.adamw import IN_HEAD, AdamW
from tfapps.train.optimizers.lamb import Lamb
from tfapps.train.optimizers.muon import Muon


def make(
    learning_rate: Any,
    *,
    name: str = "adamw",
    weight_decay: float,
    head_factor: float = 1.0,
    factors: Sequence[Callable[[str], Any]] = (),
    in_head: Callable[[str], bool] = IN_HEAD,
    loss_scaling: bool = False,
) -> keras.optimizers.Optimizer:
    """Return the loop's optimizer; build it inside the strategy's scope. Takes summed gradients.

    Args:
        head_factor: on the learning rate of what is `in_head`.
        factors: each path -> factor on the learning rate, a number or a scalar variable.
    """

    def factor(path: str) -> Any:
        own = head_factor if in_head(path) else 1.0
        return functools.reduce(operator.mul, (each(path) for each in factors), own)

    inner = {"adamw": AdamW, "lamb": Lamb, "muon": Muon}[name](
        learning_rate,
        weight_decay=weight_decay,
        factor=factor,
        in_head=in_head,
        sum_gradients=False,
    )
    return keras.optimizers.LossScaleOptimizer(inner) if loss_scaling else inner


def of_config(
    config: TrainConfig,
    steps: int,
    factors: Sequence[Callable[[str], Any]] = (),
    slower: float = 1,
    in_head: Callable[[str], bool] = IN_HEAD,
) -> keras.optimizers.Optimizer:
    """Return the optimizer that a config asks for, for a fit of so many steps.

    Args:
        factors, in_head: as for `make`.
        slower: what every learning rate is multiplied with.
    """
    head = config.head_learning_rate
    return make(
        schedules.make(config.schedule, slower * config.learning_rate, steps, config.warmup),
        name=config.optimizer,
        weight_decay=config.weight_decay,
        head_factor=1.0 if head is None else head / config.learning_rate,
        factors=factors,
        in_head=in_head,
        loss_scaling=config.precision == "mixed_float16",
    )
