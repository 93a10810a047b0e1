"""The activation functions that layers name in their arguments."""

from __future__ import annotations

from collections.abc import Callable

from keras import KerasTensor, ops


def linear(x: KerasTensor) -> KerasTensor:
    return x


def gelu(x: KerasTensor) -> KerasTensor:
    """Compute GELU with the error function, as BERT was trained."""
    return ops.gelu(x, approximate=False)


def gelu_tanh(x: KerasTensor) -> KerasTensor:
    """Compute the tanh approximation of GELU, as KerasHub does."""
    return ops.gelu(x, approximate=True)


FUNCTIONS: dict[str | None, Callable[[KerasTensor], KerasTensor]] = {
    None: linear,
    "relu": ops.relu,
    "tanh": ops.tanh,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
}


def activation(name: str | None) -> Callable[[KerasTensor], KerasTensor]:
    """Return the function called `name`; None is the identity.

    Raises:
        ValueError: for a name that is not in `FUNCTIONS`.
    """
    if name not in FUNCTIONS:
        names = ", ".join(str(key) for key in FUNCTIONS)
        raise ValueError(f"unknown activation {name!r}: expected one of {names}")
    return FUNCTIONS[name]
