"""Graphs of a Keras model in hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapps.backends.base import SERVE, Arrays, Backend, Signature, Tensor
from tfapps.features.padding import LOGITS

if TYPE_CHECKING:
    import keras


class Keras(Backend):
    """Functional models that share their layers.

    Args:
        models: by signature. A whole model runs as `predict` does; any other is traced once, for
            all numbers of rows and all lengths.
    """

    name = "the Keras model"

    def __init__(self, models: Mapping[str, keras.Model]) -> None:
        self.signatures = {name: _signature(model) for name, model in models.items()}
        self._runs = {
            name: model.predict_on_batch if name == SERVE else _traced(model)
            for name, model in models.items()
        }

    def call(self, signature: str, arrays: Arrays) -> dict[str, np.ndarray]:
        """Run a model; a single output is `logits`, as in exported files."""
        return _named(self._runs[signature](dict(arrays)))


def _named(outputs: Any) -> dict[str, Any]:
    return outputs if isinstance(outputs, dict) else {LOGITS: outputs}


def _signature(model: keras.Model) -> Signature:
    def stated(tensors: Mapping[str, Any]) -> dict[str, Tensor]:
        return {name: Tensor(tuple(t.shape), t.dtype) for name, t in tensors.items()}

    return Signature(stated({t.name: t for t in model.inputs}), stated(_named(model.output)))


def _traced(model: keras.Model) -> Callable[[Arrays], dict[str, np.ndarray]]:
    import tensorflow as tf

    specs = {
        name: tf.TensorSpec(tensor.shape, tensor.dtype) for name, tensor in model.input.items()
    }
    traced = tf.function(lambda inputs: model(inputs, training=False), autograph=False)
    run = traced.get_concrete_function(specs)
    return lambda inputs: {name: value.numpy() for name, value in run(inputs).items()}
