"""Initial weights of a head: from the vectors of texts before the encoder is trained."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapps.data import encoding
from tfapps.runs.prepared import EVALUATION_BATCH, Prepared

if TYPE_CHECKING:
    import keras


def start_head(prepared: Prepared, model: keras.Model) -> None:
    """Let the task set its head in a model whose encoder has its weights."""
    embed = functools.partial(vectors, prepared, model)
    prepared.task.start_head(model, embed, prepared.examples["train"], prepared.config)


def vectors(prepared: Prepared, model: keras.Model, examples: Any) -> np.ndarray:
    """Return what the head of `model` is given of each example, (n, d)."""
    import keras

    from tfapps.data.pipeline import Batches
    from tfapps.train.forward import predict
    from tfapps.train.strategy import replicas

    length = prepared.config.model.max_length
    batches = Batches(
        encoding.encode(examples, prepared.task, prepared.tokenizer, length, None),
        features=prepared.features,
        targets=(),
        batch_size=EVALUATION_BATCH,
        multiple=replicas(),
        max_length=length,
        shuffle=False,
    )
    layer = model.get_layer(prepared.task.vector_layer)
    return predict(keras.Model(model.input, layer.input), batches)
