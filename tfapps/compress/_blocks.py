"""The transformer blocks of a model, identified by the names and types of their layers."""

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
    """Return the blocks of a functional model by number, from the first to the last.

    Raises:
        InputError: the model has none.
    """
    from tfapps.graph.clone import leaves
    from tfapps.layers.attention import SelfAttention

    layers = {layer.name: layer for layer in leaves(model)}
    transformer_blocks = {}
    for number in sorted({n for name in layers if (n := number_of(name)) is not None}):
        parts = [layers.get(f"block_{number}_{p}") for p in ("attention", "intermediate", "output")]
        if isinstance(parts[0], SelfAttention) and None not in parts:
            transformer_blocks[number] = Block(*parts)
    if not transformer_blocks:
        raise InputError(
            f"prune_structured: the model {model.name!r} has no transformer blocks, expected "
            "layers called block_0_attention, block_0_intermediate, block_0_output; use model bert"
        )
    return transformer_blocks


def layers_of(model: Any, numbers: Iterable[int]) -> set[str]:
    """Return the names of all layers in these blocks; a skipped layer passes on its first input."""
    from tfapps.graph.clone import leaves

    selected = set(numbers)
    return {layer.name for layer in leaves(model) if number_of(layer.name) in selected}
