"""A trainable low-rank kernel added to a frozen one."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments
from tfapps.layers.dropout import Dropout


@keras.saving.register_keras_serializable("tfapps")
class LowRank(Arguments):
    """The product with a low-rank kernel, zero at first, added to that of a frozen one.

    Sources: Hu et al. 2021, "LoRA"; with singular values Zhang et al. 2023, "AdaLoRA".

    Args:
        units: width of the output.
        rank: width between the two factors.
        alpha: the product is multiplied by alpha / rank, so another rank needs no other
            learning rate.
        dropout: rate on the input.
        singular: a singular value between the factors for each rank, and a gate that closes it.
        orthogonality: factor of the penalty that keeps the factors of `singular` orthogonal.
        seed: of the dropout.

    Shapes: (n, d) -> (n, units).
    """

    def __init__(
        self,
        units: int,
        rank: int = 8,
        alpha: float = 16.0,
        dropout: float = 0.0,
        singular: bool = False,
        orthogonality: float = 0.1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.rank, self.alpha, self.rate = units, rank, alpha, dropout
        self.singular, self.orthogonality, self.seed = singular, orthogonality, seed
        self.dropout = Dropout(dropout, seed=seed, dtype=self.dtype_policy, name="dropout")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        uniform = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
        down = {"shape": (input_shape[-1], self.rank), "initializer": uniform}
        up = {"shape": (self.rank, self.units), "initializer": "zeros"}
        if self.singular:
            # Orthogonal from the start: a penalty far above the loss would dominate the gradient.
            even = keras.initializers.Orthogonal()
            down |= {"initializer": even, "regularizer": lambda w: self._uneven(ops.transpose(w))}
            up |= {"initializer": even.clone(), "regularizer": self._uneven}
        self.down = self.add_weight(name="down", **down)
        self.up = self.add_weight(name="up", **up)
        if self.singular:
            self.values = self.add_weight(name="values", shape=(self.rank,), initializer="zeros")
            self.gate = self.add_weight(
                name="gate", shape=(self.rank,), initializer="ones", trainable=False
            )

    def call(self, x: KerasTensor, training: bool = False) -> KerasTensor:
        x = ops.matmul(self.dropout(x, training=training), self.down)
        if self.singular:
            x = ops.multiply(x, ops.multiply(self.values, self.gate))
        return ops.multiply(ops.matmul(x, self.up), self.alpha / self.rank)

    def kernel(self) -> KerasTensor:
        """Return the change of the frozen kernel, (d, units)."""
        down = ops.convert_to_tensor(self.down)
        if self.singular:
            down = ops.multiply(down, ops.multiply(self.values, self.gate))
        return ops.multiply(ops.matmul(down, self.up), self.alpha / self.rank)

    def _uneven(self, rows: KerasTensor) -> KerasTensor:
        """Return the penalty of rows (rank, n) for not being orthonormal."""
        products = ops.matmul(rows, ops.transpose(rows))
        return self.orthogonality * ops.sum(ops.square(products - ops.eye(self.rank)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dropout": self.rate}
