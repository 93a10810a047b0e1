"""The transformer blocks of a model, found by the names and kinds of their layers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tfapps.errors import InputError
from tfapps.tuning.freeze import block as number_of


@dataclass(frozen=True)
class Block:
    """The layers of a block that have a width to choose.

    Attributes:
        attention: a `SelfAttention`, whose heads are independent of each other.
        intermediate: the `Linear` whose units are independent of each other.
        output: the `Linear` that reads them.
    """

    attention: Any
    intermediate: Any
    output: Any

    @property
    def heads(self) -> int:
        return self.attention.heads

    @property
    def units(self) -> int:
        return self.intermediate.units


def blocks(model: Any) -> dict[int, Block]:
    """Blocks of a functional model by number, from the first to the last.

    Raises:
        InputError: there are none.
    """
    from tfapps.graph.clone import leaves
    from tfapps.layers.attention import SelfAttention

    layers = {layer.name: layer for layer in leaves(model)}
    found = {}
    for number in sorted({n for name in layers if (n := number_of(name)) is not None}):
        parts = [layers.get(f"block_{number}_{p}") for p in ("attention", "intermediate", "output")]
        if isinstance(parts[0], SelfAttention) and None not in parts:
            found[number] = Block(*parts)
    if not found:
        raise InputError(
            f"prune_structured: the model {model.name!r} has no transformer blocks, expected "
            "layers called block_0_attention, block_0_intermediate, block_0_output; take model bert"
        )
    return found


def layers_of(model: Any, numbers: Iterable[int]) -> set[str]:
    """Names of all layers of some blocks: left out, each passes on what it was given first."""
    from tfapps.graph.clone import leaves

    wanted = set(numbers)
    return {layer.name for layer in leaves(model) if number_of(layer.name) in wanted}
