"""The dense layers that low-rank tuning can extend."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from typing import Any

from tfapps.errors import InputError
from tfapps.printable import shortened
from tfapps.tuning._only import is_new

SHOWN = 12


def products(model: Any) -> dict[str, Any]:
    """Return every Linear by path, also inside attention, except those that train anyway.

    Example: `["block_0_attention/qkv", "block_0_attention/output", "block_0_intermediate", ...]`.
    """
    from tfapps.graph.clone import leaves
    from tfapps.layers.linear import Linear
    from tfapps.layers.multi_head import MultiHead

    linears = {}
    for layer in leaves(model):
        if isinstance(layer, Linear):
            linears[layer.name] = layer
        elif isinstance(layer, MultiHead):
            inside = [part for part in layer._flatten_layers() if isinstance(part, Linear)]
            linears |= {f"{layer.name}/{part.name}": part for part in inside}
    new = is_new(model)
    return {path: linear for path, linear in linears.items() if not new(path)}


def chosen(model: Any, patterns: Sequence[str], who: str) -> dict[str, Any]:
    """Return the dense layers that match a pattern, by path.

    Raises: InputError listing the available layers if a pattern matches none.
    """
    available = products(model)
    for pattern in patterns:
        if not fnmatch.filter(available, pattern):
            names = shortened(available, SHOWN)
            raise InputError(
                f"{who}.targets: {pattern!r} matches no kernel; "
                + (f"expected a pattern of {names}" if names else "the model has none to tune")
            )
    return {
        path: available[path] for pattern in patterns for path in fnmatch.filter(available, pattern)
    }


def add_low_rank(model: Any, chosen: dict[str, Any], make: Callable[[Any], Any]) -> Any:
    """Rebuild the model with the low-rank kernel that `make` returns added to each chosen layer.

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
    """Return the model with its low-rank kernels merged into the kernels."""
    from tfapps.graph.clone import clone

    plain = clone(model)
    plain_linears = products(plain)
    for path, linear in products(model).items():
        if linear.low_rank is not None:
            plain_linears[path].kernel.assign_add(linear.low_rank.kernel())
    return plain
