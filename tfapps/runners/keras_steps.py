"""Runs the encoder and the decoder's step of a Keras model in hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]


class KerasSteps:
    """Both traced once, for any number of rows and any length.

    Args:
        encoder: features -> first states and what all steps read, by name.
        decoder: these and `token_ids` (n,) -> logits, attention, and the next states by name.
    """

    rows = None

    def __init__(self, encoder: Any, decoder: Any) -> None:
        self._encode, self._step = _traced(encoder), _traced(decoder)
        self._inputs = tuple(encoder.input), tuple(decoder.input)
        self._states = decoder.output.keys() - {"logits", "attention"}

    def encode(self, features: Arrays) -> tuple[Arrays, Arrays]:
        """Features (b, s) -> first states, and what all steps read."""
        found = self._encode({name: features[name] for name in self._inputs[0]})
        states = {name: found[name] for name in self._states}
        return states, {name: found[name] for name in found.keys() - self._states}

    def step(
        self, token_ids: np.ndarray, states: Arrays, context: Arrays
    ) -> tuple[np.ndarray, Arrays, np.ndarray | None]:
        """Last tokens (n,) -> logits (n, v), states, attention (n, s) if there is any."""
        given = {"token_ids": np.asarray(token_ids, np.int32), **states, **context}
        found = self._step({name: given[name] for name in self._inputs[1]})
        states = {name: found[name] for name in self._states}
        return found["logits"], states, found.get("attention")


def _traced(model: Any) -> Any:
    import tensorflow as tf

    specs = {
        name: tf.TensorSpec(tensor.shape, tensor.dtype) for name, tensor in model.input.items()
    }
    run = tf.function(
        lambda inputs: model(inputs, training=False), input_signature=[specs], autograph=False
    )
    return lambda inputs: {name: value.numpy() for name, value in run(inputs).items()}
