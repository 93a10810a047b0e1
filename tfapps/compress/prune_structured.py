"""Structured pruning: whole blocks, attention heads and feed-forward units are taken out.

What is left is a smaller dense model, which is faster wherever the big one ran (Michel et al.
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
    "qat": "the ranges were learned with what this takes out; put it before qat",
    "prune": "its pattern of zeros would be torn; put it before prune",
    "cluster": "it would cluster what this takes out; put it before cluster",
}
MULTIPLE = 8  # units come in multiples of it, which vector instructions like
PARTS = ("layers", "heads", "units")

Amount = Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, lt=1)] | None


class Config(FineTune):
    """What stays, as a number or as a share below 1; what is left out stays whole.

    Attributes:
        layers: transformer blocks; those the dev loss misses least go, one after the other.
        heads: attention heads a block.
        units: feed-forward units a block, rounded to a multiple of 8.
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
    def _something_goes(self) -> Config:
        if all(getattr(self, part) is None for part in PARTS):
            raise ValueError(
                f"got none of {', '.join(PARTS)}, expected at least one: a share of what stays, "
                "such as 0.5, or its number"
            )
        return self


def plan(config: Config, job: Job) -> dict[str, Any]:
    """Which blocks, and which heads and units of each, are to stay.

    Raises:
        InputError: more is to stay than there is, or everything.
    """
    from tfapps.compress import _importance
    from tfapps.compress._blocks import blocks, layers_of
    from tfapps.graph.clone import clone

    there = blocks(job.model)
    first = next(iter(there.values()))
    count = _count("layers", config.layers, len(there))
    heads = _count("heads", config.heads, first.heads)
    units = _count("units", config.units, first.units)
    if (count, heads, units) == (len(there), first.heads, first.units):
        raise InputError(
            f"prune_structured: everything stays: {count} layers, {heads} heads and {units} units "
            "are all there are; give a smaller number or a share below 1"
        )
    gone = _importance.weakest_blocks(job, len(there) - count) if count < len(there) else []
    kept = [number for number in there if number not in gone]
    of_heads = {number: np.ones(there[number].heads) for number in kept}
    of_units = {number: np.ones(there[number].units) for number in kept}
    if heads < first.heads or units < first.units:
        left = clone(job.model, lambda layer: {}, skip=layers_of(job.model, gone))
        of_heads, of_units = _importance.widths(job, left, config.importance)
    return {
        "layers": kept,
        "heads": _named(choose(of_heads, heads, 1, config.ranking)),
        "units": _named(choose(of_units, units, MULTIPLE, config.ranking)),
    }


def choose(
    scores: Scores, count: int, multiple: int, ranking: Literal["global", "block"]
) -> dict[int, list[int]]:
    """The highest scores, `count` a block (on average, if the ranking is global), by block.

    Each block keeps at least `multiple` of its own and a multiple of it, or all it has.
    """
    counts = dict.fromkeys(scores, count)
    if ranking == "global":
        every = np.sort(np.concatenate(list(scores.values())))[::-1]
        total = min(count * len(scores), len(every))
        counts = {block: int(np.sum(own >= every[total - 1])) for block, own in scores.items()}
    kept = {}
    for block, own in scores.items():
        rounded = max(multiple, round(counts[block] / multiple) * multiple)
        order = np.argsort(-own, kind="stable")[: min(rounded, len(own))]
        kept[block] = sorted(int(index) for index in order)
    return kept


def build(config: Config, model: keras.Model, plan: Mapping[str, Any]) -> keras.Model:
    """The smaller model; what stays has the weights it had, under the names it had."""
    from tfapps.compress._blocks import blocks, layers_of
    from tfapps.graph.clone import clone

    there = blocks(model)
    kept = {number: there[number] for number in plan["layers"]}
    changes: dict[str, dict[str, int]] = {}
    for number, block in kept.items():
        heads, units = plan["heads"][str(number)], plan["units"][str(number)]
        size = block.attention.size
        changes[block.attention.name] = {"heads": len(heads), "head_size": size}
        changes[block.intermediate.name] = {"units": len(units)}
    skip = layers_of(model, set(there) - set(kept))
    made = clone(model, lambda layer: changes.get(layer.name, {}), skip=skip)
    for number, block in blocks(made).items():
        _fill(block, kept[number], plan["heads"][str(number)], plan["units"][str(number)])
    return made


def report(config: Config, model: keras.Model) -> dict[str, float]:
    """Size of what is left."""
    from tfapps.compress._blocks import blocks

    there = blocks(model).values()
    return {
        "parameters": float(model.count_params()),
        "layers": float(len(there)),
        "heads": float(np.mean([block.heads for block in there])),
        "units": float(np.mean([block.units for block in there])),
    }


def _count(part: str, wanted: int | float | None, there: int) -> int:
    """How many of `there` stay.

    Raises:
        InputError: more than there are.
    """
    if wanted is None:
        return there
    if isinstance(wanted, float):
        return max(1, round(wanted * there))
    if wanted > there:
        raise InputError(
            f"prune_structured.{part}: got {wanted}, expected at most {there}: the model has "
            f"{there} {part}{'' if part == 'layers' else ' a block'}"
        )
    return wanted


def _named(kept: Mapping[int, list[int]]) -> dict[str, list[int]]:
    """The same with keys as JSON has them."""
    return {str(block): indices for block, indices in kept.items()}


def _fill(new: Any, old: Any, heads: Sequence[int], units: Sequence[int]) -> None:
    """Give a block the weights of the heads and units that stay in it."""

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
    """What other packages ask of this file."""

    needs_part = "transformer blocks"
    not_after = NOT_AFTER
    not_in_steps = "it knows the blocks of an encoder only"
    plan = staticmethod(plan)
    build = staticmethod(build)
    report = staticmethod(report)
