"""Small functional models for the export tests: a transformer-like one and an LSTM one."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

VOCABULARY, LENGTH, CLASSES = 60, 12, 4


def _inputs(batch_size, length, names):
    return {
        name: keras.Input((length,), batch_size=batch_size, dtype="int32", name=name)
        for name in names
    }


def transformer(batch_size=None, length=None, *, width=48):
    """Embedding, one attention block, LayerNormalization, mean over the real tokens."""
    keras.utils.set_random_seed(7)
    inputs = _inputs(batch_size, length, ("token_ids", "padding_mask"))
    x = keras.layers.Embedding(VOCABULARY, width, name="tokens")(inputs["token_ids"])
    mask = ops.cast(inputs["padding_mask"], "float32")
    q = keras.layers.Dense(width, name="q")(x)
    k = keras.layers.Dense(width, name="k")(x)
    v = keras.layers.Dense(width, name="v")(x)
    scores = ops.matmul(q, ops.transpose(k, (0, 2, 1))) * 0.14
    scores = scores - 30.0 * ops.expand_dims(1.0 - mask, 1)
    x = keras.layers.LayerNormalization(name="norm")(
        x + ops.matmul(ops.softmax(scores, axis=-1), v)
    )
    x = x * ops.expand_dims(mask, -1)
    pooled = ops.sum(x, axis=1) / ops.sum(mask, axis=1, keepdims=True)
    logits = keras.layers.Dense(CLASSES, name="logits", kernel_initializer="normal")(pooled * 20)
    return keras.Model(inputs, logits)


def recurrent(batch_size=None, length=None, *, sequences=True):
    """Embedding, LSTM, max over time, classes."""
    keras.utils.set_random_seed(7)
    inputs = _inputs(batch_size, length, ("token_ids", "padding_mask"))
    x = keras.layers.Embedding(
        VOCABULARY, 32, name="tokens", embeddings_initializer=keras.initializers.RandomNormal(0, 1)
    )(inputs["token_ids"])
    x = x * ops.expand_dims(ops.cast(inputs["padding_mask"], "float32"), -1)
    x = keras.layers.LSTM(40, return_sequences=sequences, name="lstm")(x)
    x = ops.max(x, axis=1) if sequences else x
    logits = keras.layers.Dense(CLASSES, name="logits", kernel_initializer="normal")(x * 20)
    return keras.Model(inputs, logits)


def tagger(batch_size=None, length=None):
    """One vector of logits per token: (b, t, classes)."""
    keras.utils.set_random_seed(7)
    inputs = _inputs(batch_size, length, ("token_ids",))
    x = keras.layers.Embedding(VOCABULARY, 8, name="tokens")(inputs["token_ids"])
    return keras.Model(inputs, keras.layers.Dense(CLASSES, name="logits")(x))


def features(rows, length=LENGTH, seed=0, names=("token_ids", "padding_mask")):
    """Right-padded random rows (rows, length), at least two tokens each."""
    random = np.random.default_rng(seed)
    mask = np.arange(length) < random.integers(2, length + 1, (rows, 1))
    ids = random.integers(1, VOCABULARY, (rows, length)) * mask
    columns = {"token_ids": ids.astype(np.int32), "padding_mask": mask.astype(np.int32)}
    return {name: columns[name] for name in names}


def segmented(batch_size=None, length=None):
    """Ids, mask and segments like a BERT, nothing but a mean behind them."""
    keras.utils.set_random_seed(7)
    inputs = _inputs(batch_size, length, ("token_ids", "padding_mask", "segment_ids"))
    x = keras.layers.Embedding(VOCABULARY, 16, name="tokens")(inputs["token_ids"])
    x = x + keras.layers.Embedding(2, 16, name="segments")(inputs["segment_ids"])
    mask = ops.expand_dims(ops.cast(inputs["padding_mask"], "float32"), -1)
    pooled = ops.sum(x * mask, axis=1) / ops.sum(mask, axis=1)
    logits = keras.layers.Dense(CLASSES, name="logits", kernel_initializer="normal")(pooled * 20)
    return keras.Model(inputs, logits)
