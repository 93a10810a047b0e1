"""The state at one particular token of a text."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments


@keras.saving.register_keras_serializable("tfapps")
class AtToken(Arguments):
    """Selects the state at the position of a token, as a product with zeros and a one.

    Why not `AtPlaces`: the position follows from the ids, so the model needs no input for it.

    Args:
        token_id: of the token; if a text contains it several times the states are added.

    Shapes: x (b, t, d), token_ids (b, t) int -> (b, d).
    """

    def __init__(self, token_id: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.token_id = token_id

    def call(self, x: KerasTensor, token_ids: KerasTensor) -> KerasTensor:
        at_token = ops.cast(ops.equal(token_ids, self.token_id), x.dtype)
        states = ops.matmul(ops.expand_dims(at_token, 1), x)  # (b, 1, d)
        return ops.reshape(states, (-1, x.shape[-1]))

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], token_ids_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (x_shape[0], x_shape[-1])
