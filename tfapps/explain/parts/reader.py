"""A model that is asked for its logits, for their slopes and for its attention."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfapps.graph.cut import Cut, Parts
from tfapps.layers.at_token import AtToken
from tfapps.layers.attention import SelfAttention
from tfapps.layers.pooling import Pooling

BATCH = 32  # rows at a time: slopes keep every activation


class Reader:
    """Compiles a model once for all texts; what it is asked for is computed without dropout.

    Args:
        model: functional, features -> logits (b, c).
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.inputs = tuple(model.input)
        self._answers = tf.function(
            lambda features: tf.cast(model(features, training=False), tf.float32),
            input_signature=[self._spec],
            autograph=False,
        )

    @property
    def _spec(self) -> dict[str, tf.TensorSpec]:
        return {
            name: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype)
            for name, tensor in self.model.input.items()
        }

    def logits(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the logits (n, c) of features {name: (n, t)}."""
        rows = len(next(iter(features.values())))
        parts = [
            self._answers({name: features[name][batch] for name in self.inputs}).numpy()
            for batch in _batches(rows)
        ]
        return np.concatenate(parts)

    @functools.cached_property
    def _parts(self) -> Parts:
        return Cut()(self.model)

    def embed(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the word embeddings of features: {name: (n, t)} -> (n, t, d)."""
        inputs = {name: tf.convert_to_tensor(features[name]) for name in self.inputs}
        return tf.cast(self._parts.embed(inputs, False), tf.float32).numpy()

    def slopes(
        self, x: np.ndarray, features: Mapping[str, np.ndarray], target: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the target's logits at embeddings of one text, and their summed derivatives.

        Shapes: x (n, t, d), features {name: (1, t)} -> (n,), (t, d).
        """
        inputs = {name: tf.convert_to_tensor(features[name]) for name in self.inputs}
        values, total = [], np.zeros(x.shape[1:])
        for batch in _batches(len(x)):
            value, slope = self._slopes(tf.convert_to_tensor(x[batch]), inputs, tf.constant(target))
            values.append(value.numpy())
            total += slope.numpy()
        return np.concatenate(values), total

    @functools.cached_property
    def _slopes(self) -> Any:
        answer = self._parts.answer

        def slopes(x: Any, features: dict[str, Any], target: Any) -> tuple[Any, Any]:
            rows = {
                name: tf.repeat(column, tf.shape(x)[0], axis=0) for name, column in features.items()
            }
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(x)
                value = tf.gather(tf.cast(answer(x, rows, False), tf.float32), target, axis=1)
            # An answer that does not look at the text at all has no slope.
            slope = tape.gradient(value, x, unconnected_gradients="zero")
            return value, tf.reduce_sum(slope, axis=0)

        embeddings = tf.TensorSpec((None, None, None), tf.float32)
        number = tf.TensorSpec((), tf.int32)
        signature = [embeddings, self._spec, number]
        return tf.function(slopes, input_signature=signature, autograph=False)

    def attention(self, features: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Return the weights of every layer of self-attention on one text, each (h, t, t)."""
        inputs = {name: tf.convert_to_tensor(features[name]) for name in self.inputs}
        return [weights[0].numpy() for weights in self._attention(inputs)]

    @functools.cached_property
    def _attention(self) -> Any:
        import keras

        layers = attentions(self.model)
        # By name: Keras takes a list of one list for the inner one.
        entries = keras.Model(self.model.input, {layer.name: layer.input for layer in layers})

        def weights(features: dict[str, Any]) -> list[Any]:
            tensors = entries(features, training=False)
            return [layer.weights_of(*tensors[layer.name]) for layer in layers]

        return tf.function(weights, input_signature=[self._spec], autograph=False)

    def pooled(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """Share of each last state of one text in the one that is judged, (t,); all sum up to 1.

        The largest of each number (`max`) may come from any place: all count alike, as for `mean`.
        """
        ids = features["token_ids"][0]
        chosen = np.ones(len(ids))
        for layer in self.model.layers:
            if isinstance(layer, AtToken):
                chosen = ids == layer.token_id
            elif isinstance(layer, Pooling) and layer.kind == "cls":
                chosen = np.arange(len(ids)) == 0
        return chosen / chosen.sum()


def attentions(model: Any) -> list[Any]:
    """Return the layers of self-attention of a model, the first first."""
    return [layer for layer in model.layers if isinstance(layer, SelfAttention)]


def _batches(rows: int) -> Iterator[slice]:
    return (slice(start, start + BATCH) for start in range(0, rows, BATCH))
