"""A model that gives probabilities beside its logits, as one graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROBABILITIES = "probabilities"


def output_name(logits: str) -> str:
    """Return the name of the output with the probabilities of another output."""
    return PROBABILITIES if logits == "logits" else f"{logits}_{PROBABILITIES}"


class Probable:
    """A model and the probabilities of its outputs, with what `module.save` asks of a model.

    Args:
        activations: {output: `softmax` or `sigmoid`}, see `Task.probabilities`.
    """

    def __init__(self, model: Any, activations: Mapping[str, str]) -> None:
        self.inputs, self.variables = model.inputs, model.variables
        self._model, self._activations = model, activations

    def __call__(self, features: dict[str, Any], training: bool = False) -> dict[str, Any]:
        from keras import ops

        outputs = self._model(features, training=False)
        outputs = dict(outputs) if isinstance(outputs, dict) else {"logits": outputs}
        functions = {"softmax": ops.softmax, "sigmoid": ops.sigmoid}
        for name, activation in self._activations.items():
            logits = ops.cast(outputs[name], "float32")
            outputs[output_name(name)] = functions[activation](logits)
        return outputs
