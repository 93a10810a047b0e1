"""Run a model over a whole set; outputs are in the order of its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfapps.features.arrays import map_arrays
from tfapps.train.strategy import distribute


def predict(
    model: keras.Model,
    batches: Any,
    strategy: tf.distribute.Strategy | None = None,
    reduce: Callable[..., Any] | None = None,
) -> Any:
    """Return float32 outputs (rows, ...) over `batches.epoch(0)`, in row order.

    If the length of the time axis differs between batches, shorter outputs are padded with zeros
    to the longest.

    Args:
        reduce: (targets, outputs) -> smaller outputs, for those that are too large to keep.
    """
    strategy = strategy or tf.distribute.get_strategy()
    dataset = distribute(strategy, batches, 0)

    compiled = _compiled(model, strategy, dataset.element_spec, reduce)
    # A tuple of replicas for each output: they are joined like batches.
    parts = [map_arrays(_of_replicas, compiled(batch)) for batch in dataset]
    order = np.asarray(batches.order(0))
    return map_arrays(lambda *arrays: in_order(joined(arrays), order), *parts)


def _of_replicas(results: Sequence[tf.Tensor]) -> np.ndarray:
    return joined([result.numpy() for result in results])


def in_order(joined: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the rows sorted: row `order[i]` is `joined[i]`; filler (-1) is dropped."""
    rows = np.zeros((int(order.max(initial=-1)) + 1, *joined.shape[1:]), np.float32)
    rows[order[order >= 0]] = joined[order >= 0]
    return rows


def _compiled(model: keras.Model, strategy: tf.distribute.Strategy, spec: Any, reduce: Any) -> Any:
    """Return the forward pass over a batch of `spec`: outputs of each replica. Traced once."""
    key = (id(strategy), repr(spec), reduce is None)
    cache = _cache(model)
    if key not in cache:

        def forward(features: Any, targets: Any) -> Any:
            outputs = model(features, training=False)
            outputs = outputs if reduce is None else reduce(targets, outputs)
            return map_arrays(lambda tensor: tf.cast(tensor, tf.float32), outputs)

        def run(batch: Any) -> tuple[Any, ...]:
            outputs = strategy.run(forward, args=batch[:2])
            return map_arrays(strategy.experimental_local_results, outputs)

        cache[key] = tf.function(run, input_signature=[spec], autograph=False)
    return cache[key]


def _cache(model: keras.Model) -> dict[Any, Any]:
    """Return the model's cache; it bypasses Keras' tracking and is freed with the model."""
    return model.__dict__.setdefault("_compiled_forward", {})


def graph(model: keras.Model) -> tf.Graph:
    """Return the graph of a forward pass: that of `predict` if it has run, else a new trace."""
    for compiled in _cache(model).values():
        return compiled.get_concrete_function().graph
    spec = {
        tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype, tensor.name)
        for tensor in model.inputs
    }
    traced = tf.function(lambda features: model(features, training=False), autograph=False)
    return traced.get_concrete_function(spec).graph


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Concatenate on axis 0; every other axis is padded with zeros to its longest."""
    shape = np.max([part.shape[1:] for part in parts], axis=0).astype(int)
    result = np.zeros((sum(len(part) for part in parts), *shape), np.float32)
    start = 0
    for part in parts:
        place = (slice(start, start + len(part)), *(slice(0, size) for size in part.shape[1:]))
        result[place] = part
        start += len(part)
    return result
