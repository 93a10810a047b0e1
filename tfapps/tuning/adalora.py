"""AdaLoRA: low-rank kernels in SVD form, whose ranks are allocated where they matter most."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from tfapps.tuning import base
from tfapps.tuning._only import freeze_except
from tfapps.tuning._products import add_low_rank, chosen, merged
from tfapps.tuning._store import Stored


class Config(Stored):
    """Low-rank kernels added to frozen ones, and the schedule that removes unneeded ranks.

    From Zhang et al. 2023, "Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning".

    Attributes:
        rank: average rank of a kernel at the end.
        start_rank: rank of every kernel at first; one and a half times `rank` by default.
        warmup: share of all steps before the first rank is removed.
        settled: share of all steps after the last rank is removed.
        every: steps between decisions.
        smoothing: of a weight's importance and its uncertainty, from step to step.
        orthogonality: factor of the penalty that keeps the two sides of the SVD orthogonal.
        alpha: as for `lora`, but about eight times as large: a step moves one value per rank
            where that of `lora` moves a whole row.
        dropout, targets: as for `lora`.
    """

    name: str = "adalora"
    rank: int = Field(8, ge=1, le=4096)
    start_rank: int | None = Field(None, ge=1, le=8192)
    alpha: float = Field(128.0, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: tuple[str, ...] = Field(("*",), min_length=1)
    warmup: float = Field(0.1, ge=0, lt=1)
    settled: float = Field(0.4, ge=0, lt=1)
    every: int = Field(10, ge=1)
    smoothing: float = Field(0.85, ge=0, lt=1)
    orthogonality: float = Field(0.1, ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> Config:
        if self.start_rank is not None and self.start_rank < self.rank:
            raise ValueError(
                f"start_rank: got {self.start_rank}, expected at least rank, {self.rank}"
            )
        if self.warmup + self.settled >= 1:
            raise ValueError(
                f"warmup and settled: got {self.warmup} and {self.settled}, expected less than 1 "
                "together: ranks are removed in between"
            )
        return self


def apply(config: Config, model: Any) -> Any:
    """Add low-rank kernels, zero at first, and freeze all but them, the head and new layers.

    Raises: InputError for a pattern that matches no kernel.
    """
    from tfapps.layers.low_rank import LowRank

    def make(linear: Any) -> LowRank:
        return LowRank(
            linear.units,
            rank=config.start_rank or -(-config.rank * 3 // 2),
            alpha=config.alpha,
            dropout=config.dropout,
            singular=True,
            orthogonality=config.orthogonality,
            dtype=linear.dtype_policy,
            name="low_rank",
        )

    tuned = add_low_rank(model, chosen(model, config.targets, "tuning"), make)
    return freeze_except(tuned, lambda path: "/low_rank/" in path)


def callbacks(config: Config, model: Any, steps: int) -> list[Any]:
    """Return the callback that tracks the importance of ranks and closes the least important."""
    from tfapps.tuning._budget import Budget

    return [Budget(config, model, steps)]


def ready(config: Config, epochs: int) -> float:
    """Return the epoch of the last rank removal: earlier weights have more than `rank` ranks."""
    return (1 - config.settled) * epochs


def merge(config: Config, model: Any) -> Any:
    """Return the plain model, with the trained changes merged into its kernels."""
    return merged(model)


class Tuner(base.Tuner):
    """The hooks that other packages call."""

    needs_part = "dense layers"
    learning_rate = 2e-3
    apply = staticmethod(apply)
    callbacks = staticmethod(callbacks)
    ready = staticmethod(ready)
    merge = staticmethod(merge)
