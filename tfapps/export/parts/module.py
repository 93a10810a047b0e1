"""Keras models as a bare `tf.Module` of variables and signatures, without Keras."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tfapps.backends.base import SERVE

Split = Callable[[Any], Mapping[str, Any]]


def serving_signature(model: Any) -> dict[str, Any]:
    """Return the only signature of a model that is run once per text."""
    return {SERVE: model}


def save(graphs: Mapping[str, Any], folder: Path) -> None:
    """Write a SavedModel with a signature for each of `graphs`, weights that they share once.

    Inputs have the names, shapes and types of the model's; a single output is `logits`, several
    have the names that the model gives them. The variables are held by hand, because the converter
    drops those it cannot find.
    """
    import tensorflow as tf

    module = tf.Module()
    # Each once, in the order of the models: the index keeps that order in the checkpoint.
    variables = {id(v): v.value for model in graphs.values() for v in model.variables}
    module.weights = {f"w{i:05d}": value for i, value in enumerate(variables.values())}
    signatures = {name: _signature(model) for name, model in graphs.items()}
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        tf.saved_model.save(module, str(folder), signatures=signatures)
    finally:
        logger.setLevel(level)


def _signature(model: Any) -> Any:
    import tensorflow as tf

    def serve(**features: Any) -> dict[str, Any]:
        outputs = model(features, training=False)
        return outputs if isinstance(outputs, dict) else {"logits": outputs}

    specs = {
        tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name)
        for tensor in model.inputs
    }
    return tf.function(serve, autograph=False).get_concrete_function(**specs)
