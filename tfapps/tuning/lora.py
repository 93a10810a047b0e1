"""LoRA: a small low-rank kernel added to each frozen one, and merged into it at the end."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tfapps.tuning import base
from tfapps.tuning._only import freeze_except
from tfapps.tuning._products import add_low_rank, chosen, merged
from tfapps.tuning._store import Stored


class Config(Stored):
    """Low-rank kernels added to frozen ones (Hu et al. 2021, "LoRA").

    Attributes:
        rank: rank of each added kernel.
        alpha: scale of its output, which is multiplied by alpha / rank.
        dropout: on its input.
        targets: patterns of kernels, e.g. `block_*_attention/qkv`; by default all but the head's.
    """

    name: str = "lora"
    rank: int = Field(8, ge=1, le=4096)
    alpha: float = Field(16.0, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: tuple[str, ...] = Field(("*",), min_length=1)


def apply(config: Config, model: Any) -> Any:
    """Add low-rank kernels, zero at first, and freeze all but them, the head and new layers.

    Raises: InputError for a pattern that matches no kernel.
    """
    from tfapps.layers.low_rank import LowRank

    def make(linear: Any) -> LowRank:
        return LowRank(
            linear.units,
            rank=config.rank,
            alpha=config.alpha,
            dropout=config.dropout,
            dtype=linear.dtype_policy,
            name="low_rank",
        )

    tuned = add_low_rank(model, chosen(model, config.targets, "tuning"), make)
    return freeze_except(tuned, lambda path: "/low_rank/" in path)


def merge(config: Config, model: Any) -> Any:
    """Return the plain model, with the trained changes merged into its kernels."""
    return merged(model)


class Tuner(base.Tuner):
    """The hooks that other packages call."""

    needs_part = "dense layers"
    learning_rate = 2e-3
    apply = staticmethod(apply)
    merge = staticmethod(merge)
