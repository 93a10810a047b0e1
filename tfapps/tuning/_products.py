"""The products with a kernel that low-rank tuning can stand beside."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from typing import Any

from tfapps.errors import InputError
from tfapps.tuning._only import is_new

SHOWN = 12


def products(model: Any) -> dict[str, Any]:
    """Every Linear by its path, those inside attention too, but not those that train anyway.

    Example: `["block_0_attention/qkv", "block_0_attention/output", "block_0_intermediate", ...]`.
    """
    from tfapps.graph.clone import leaves
    from tfapps.layers.linear import Linear
    from tfapps.layers.multi_head import MultiHead

    found = {}
    for layer in leaves(model):
        if isinstance(layer, Linear):
            found[layer.name] = layer
        elif isinstance(layer, MultiHead):
            inside = [part for part in layer._flatten_layers() if isinstance(part, Linear)]
            found |= {f"{layer.name}/{part.name}": part for part in inside}
    new = is_new(model)
    return {path: linear for path, linear in found.items() if not new(path)}


def chosen(model: Any, patterns: Sequence[str], who: str) -> dict[str, Any]:
    """The products that meet a pattern.

    Raises: InputError naming the products there are, where a pattern meets none.
    """
    there = products(model)
    for pattern in patterns:
        if not fnmatch.filter(there, pattern):
            known = f"{', '.join(list(there)[:SHOWN])}{', ...' * (len(there) > SHOWN)}"
            raise InputError(
                f"{who}.targets: {pattern!r} meets no kernel; "
                + (f"expected a pattern of {known}" if there else "the model has none to tune so")
            )
    return {path: there[path] for pattern in patterns for path in fnmatch.filter(there, pattern)}


def beside(model: Any, chosen: dict[str, Any], make: Callable[[Any], Any]) -> Any:
    """The model anew, with what `make` gives for a product of those chosen beside it.

    Args:
        make: the Linear in the old model -> its LowRank.
    """
    from tfapps.graph.clone import clone
    from tfapps.layers.linear import Linear
    from tfapps.layers.multi_head import MultiHead

    def prepare(layer: Any) -> None:
        if isinstance(layer, Linear) and layer.name in chosen:
            layer.low_rank = make(chosen[layer.name])
        elif isinstance(layer, MultiHead):
            name = layer.name

            def low_rank(part: str) -> Any:
                path = f"{name}/{part}"
                return make(chosen[path]) if path in chosen else None

            layer.low_rank = low_rank

    return clone(model, prepare=prepare)


def merged(model: Any) -> Any:
    """The model without anything beside its products: their kernels have taken it in."""
    from tfapps.graph.clone import clone

    plain = clone(model)
    there = products(plain)
    for path, linear in products(model).items():
        if linear.low_rank is not None:
            there[path].kernel.assign_add(linear.low_rank.kernel())
    return plain
