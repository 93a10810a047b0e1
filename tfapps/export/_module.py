"""A Keras model as a bare `tf.Module`: variables and one signature, nothing of Keras left."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any


def save(model: Any, shape: tuple[int | None, int | None], folder: Path) -> None:
    """Write `model` as a SavedModel: inputs by name (b, t) int32, output `logits`.

    The variables are held by hand, because the converter drops those it cannot find.
    """
    import tensorflow as tf

    def serve(**features: Any) -> dict[str, Any]:
        return {"logits": model(features, training=False)}

    specs = {
        name: tf.TensorSpec(shape, tf.int32, name=name)
        for name in (tensor.name for tensor in model.inputs)
    }
    module = tf.Module()
    # A zero-padded index keeps the order of the checkpoint that of the model.
    module.weights = {f"w{i:05d}": v.value for i, v in enumerate(model.variables)}
    signature = tf.function(serve, autograph=False).get_concrete_function(**specs)
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        tf.saved_model.save(module, str(folder), signatures={"serving_default": signature})
    finally:
        logger.setLevel(level)
