"""LoRA: frozen kernels, each with a small one of low rank beside it; together again at the end."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tfapps.tuning import base
from tfapps.tuning._only import only
from tfapps.tuning._products import beside, chosen, merged
from tfapps.tuning._store import Stored


class Config(Stored):
    """What is learned beside frozen kernels (Hu et al. 2021, "LoRA").

    Attributes:
        rank: of what is learned for each kernel.
        alpha: how strongly it counts: times alpha / rank.
        dropout: on what goes into it.
        targets: patterns of kernels, `block_*_attention/qkv` say; all but the head's if left out.
    """

    name: str = "lora"
    rank: int = Field(8, ge=1, le=4096)
    alpha: float = Field(16.0, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: tuple[str, ...] = Field(("*",), min_length=1)


def apply(config: Config, model: Any) -> Any:
    """The model with low-rank kernels, zero at first; they, the head and what is new will train.

    Raises: InputError for a pattern that meets no kernel.
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

    tuned = beside(model, chosen(model, config.targets, "tuning"), make)
    return only(tuned, lambda path: "/low_rank/" in path)


def merge(config: Config, model: Any) -> Any:
    """The plain model again: what was learned is in its kernels and costs nothing."""
    return merged(model)


class Tuner(base.Tuner):
    """What other packages ask of this file."""

    needs_part = "dense layers"
    apply = staticmethod(apply)
    merge = staticmethod(merge)
