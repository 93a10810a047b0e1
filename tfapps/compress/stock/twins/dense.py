"""Dense and EinsumDense."""

from __future__ import annotations

from typing import Any

import keras

from tfapps.compress.stock.rounded import Rounded
from tfapps.compress.stock.twins import base


class Dense(base.Product):
    """A product with a range for each column of the kernel."""

    of = (keras.layers.Dense,)
    kernel = Rounded(-1)


class _Kernel(Rounded):
    """A kernel whose output channels depend on the equation of its layer."""

    def axes_of(self, layer: Any) -> tuple[int, ...]:
        if not layer.settings.per_channel:
            return ()
        operands, _, output = layer.equation.replace(" ", "").partition("->")
        kernel = operands.partition(",")[2]
        return tuple(i - len(kernel) for i, letter in enumerate(kernel) if letter in output)


class EinsumDense(base.Product):
    """A product with a range for each output feature."""

    of = (keras.layers.EinsumDense,)
    kernel = _Kernel()

    @classmethod
    def refuses(cls, layer: Any) -> str:
        operands, _, output = layer.equation.replace(" ", "").partition("->")
        inputs, _, kernel = operands.partition(",")
        both = set(inputs) & set(kernel) & set(output) - {"."}
        return f"the equation {layer.equation!r} is no product of matrices" if both else ""
