"""Structured pruning: removes whole blocks, attention heads and feed-forward units.

The result is a smaller dense model, which is faster on every runtime (Michel et al.
2019, "Are Sixteen Heads Really Better than One?"; Sajjad et al. 2020, "On the Effect of Dropping
Layers of Pre-trained Transformer Models").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from tfapps.compress import base
from tfapps.compress._fine_tune import FineTune
from tfapps.errors import InputError

if TYPE_CHECKING:
    import keras

    from tfapps.compress._importance import Scores
    from tfapps.compress.parts.job import Job

NOT_AFTER = {
    "qat": "the ranges were learned with the parts it removes; put it before qat",
    "prune": "it would break the pattern of zeros; put it before prune",
    "cluster": "the parts it removes were clustered too; put it before cluster",
}
MULTIPLE = 8  # units are rounded to multiples of it, for vector instructions
PARTS = ("layers", "heads", "units")

Amount = Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, lt=1)] | None


class Config(FineTune):
    """How much remains, as a number or as a share below 1; None removes nothing.

    Attributes:
        layers: transformer blocks; removes those that raise the dev loss least, one at a time.
        heads: attention heads per block.
        units: feed-forward units per block, rounded to a multiple of 8.
        importance: of heads and units: "gradient" (activation x gradient of the dev loss, summed
            over examples) or "magnitude" (norms of their weights).
        ranking: "global" compares heads and units of all blocks, so that blocks may differ and
            `heads` and `units` hold on average; "block" takes as many from each.
    """

    tiny: ClassVar = {"units": 0.5}

    name: str = "prune_structured"
    epochs: int = Field(4, ge=0, le=1_000_000)
    layers: Amount = None
    heads: Amount = None
    units: Amount = None
    importance: Literal["gradient", "magnitude"] = "gradient"
    ranking: Literal["global", "block"] = "global"

    @model_validator(mode="after")
    def _removes_something(self) -> Config:
        if all(getattr(self, part) is None for part in PARTS):
            raise ValueError(
                f"got none of {', '.join(PARTS)}, expected at least one: a share to keep, "
                "such as 0.5, or a number"
            )
        return self


def plan(config: Config, job: Job) -> dict[str, Any]:
    """Choose the blocks, and the heads and units of each, that remain.

    Raises:
        InputError: more is to remain than the model has, or nothing is to be removed.
    """
    from tfapps.compress import _importance
    from tfapps.compress._blocks import blocks, layers_of
    from tfapps.graph.clone import clone

    model_blocks = blocks(job.model)
    first = next(iter(model_blocks.values()))
    count = _count("layers", config.layers, len(model_blocks))
    heads = _count("heads", config.heads, first.heads)
    units = _count("units", config.units, first.units)
    if (count, heads, units) == (len(model_blocks), first.heads, first.units):
        raise InputError(
            f"prune_structured: nothing to remove: the model has {count} layers, {heads} heads and "
            f"{units} units; give a smaller number or a share below 1"
        )
    removed = (
        _importance.weakest_blocks(job, len(model_blocks) - count)
        if count < len(model_blocks)
        else []
    )
    remaining = [number for number in model_blocks if number not in removed]
    head_scores = {number: np.ones(model_blocks[number].heads) for number in remaining}
    unit_scores = {number: np.ones(model_blocks[number].units) for number in remaining}
    if heads < first.heads or units < first.units:
        shorter = clone(job.model, lambda layer: {}, skip=layers_of(job.model, removed))
        head_scores, unit_scores = _importance.widths(job, shorter, config.importance)
    return {
        "layers": remaining,
        "heads": _named(choose(head_scores, heads, 1, config.ranking)),
        "units": _named(choose(unit_scores, units, MULTIPLE, config.ranking)),
    }


def choose(
    scores: Scores, count: int, multiple: int, ranking: Literal["global", "block"]
) -> dict[int, list[int]]:
    """Return indices of the highest scores, `count` per block (on average, if global), by block.

    Each block keeps a multiple of `multiple`, at least one, or all it has.
    """
    counts = dict.fromkeys(scores, count)
    if ranking == "global":
        every = np.sort(np.concatenate(list(scores.values())))[::-1]
        total = min(count * len(scores), len(every))
        counts = {
            block: int(np.sum(block_scores >= every[total - 1]))
            for block, block_scores in scores.items()
        }
    chosen = {}
    for block, block_scores in scores.items():
        rounded = max(multiple, round(counts[block] / multiple) * multiple)
        order = np.argsort(-block_scores, kind="stable")[: min(rounded, len(block_scores))]
        chosen[block] = sorted(int(index) for index in order)
    return chosen


def build(config: Config, model: keras.Model, plan: Mapping[str, Any]) -> keras.Model:
    """Return the smaller model; remaining parts keep their weights and names."""
    from tfapps.compress._blocks import blocks, layers_of
    from tfapps.graph.clone import clone

    model_blocks = blocks(model)
    remaining = {number: model_blocks[number] for number in plan["layers"]}
    changes: dict[str, dict[str, int]] = {}
    for number, block in remaining.items():
        heads, units = plan["heads"][str(number)], plan["units"][str(number)]
        size = block.attention.size
        changes[block.attention.name] = {"heads": len(heads), "head_size": size}
        changes[block.intermediate.name] = {"units": len(units)}
    skip = layers_of(model, set(model_blocks) - set(remaining))
    smaller = clone(model, lambda layer: changes.get(layer.name, {}), skip=skip)
    for number, block in blocks(smaller).items():
        _fill(block, remaining[number], plan["heads"][str(number)], plan["units"][str(number)])
    return smaller


def report(config: Config, model: keras.Model) -> dict[str, float]:
    """Return the size of the smaller model."""
    from tfapps.compress._blocks import blocks

    model_blocks = blocks(model).values()
    return {
        "parameters": float(model.count_params()),
        "layers": float(len(model_blocks)),
        "heads": float(np.mean([block.heads for block in model_blocks])),
        "units": float(np.mean([block.units for block in model_blocks])),
    }


def _count(part: str, requested: int | float | None, available: int) -> int:
    """Return how many of `available` remain.

    Raises:
        InputError: more than the model has.
    """
    if requested is None:
        return available
    if isinstance(requested, float):
        return max(1, round(requested * available))
    if requested > available:
        raise InputError(
            f"prune_structured.{part}: got {requested}, expected at most {available}: the model "
            f"has {available} {part}{'' if part == 'layers' else ' per block'}"
        )
    return requested


def _named(indices_by_block: Mapping[int, list[int]]) -> dict[str, list[int]]:
    """Return the same with string keys, for JSON."""
    return {str(block): indices for block, indices in indices_by_block.items()}


def _fill(new: Any, old: Any, heads: Sequence[int], units: Sequence[int]) -> None:
    """Copy the weights of the remaining heads and units into the new block."""

    def columns(weight: Any, parts: int, index: Sequence[int], size: int) -> np.ndarray:
        value = weight.numpy()
        value = value.reshape(*value.shape[:-1], parts, -1, size)  # ... parts groups size
        return value[..., index, :].reshape(*value.shape[:-3], -1)

    size = old.attention.size
    for name in ("kernel", "bias"):
        source = getattr(old.attention.qkv, name)
        getattr(new.attention.qkv, name).assign(columns(source, 3, heads, size))
        source = getattr(old.intermediate, name)
        getattr(new.intermediate, name).assign(columns(source, 1, units, 1))
    out = old.attention.output_projection.kernel.numpy()
    rows = out.reshape(old.heads, size, -1)[list(heads)].reshape(-1, out.shape[-1])
    new.attention.output_projection.kernel.assign(rows)
    new.output.kernel.assign(old.output.kernel.numpy()[list(units)])


class Compressor(base.Compressor):
    """The hooks that other packages call."""

    needs_part = "transformer blocks"
    not_after = NOT_AFTER
    not_in_steps = "it supports the blocks of encoders only"
    plan = staticmethod(plan)
    build = staticmethod(build)
    report = staticmethod(report)
