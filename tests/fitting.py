"""A tiny model and batches for the tests of training."""

import keras
import numpy as np
import tensorflow as tf

from tfapps.train.evaluation import Evaluation


class FakeBatches:
    """Batches of fixed order: rows of (b, t) ids, lengths cycle, filler rows at the end."""

    def __init__(self, rows=40, batch_size=8, lengths=(4, 6, 8), classes=3, words=20, seed=0):
        rng = np.random.default_rng(seed)
        self.rows, self.batch_size, self.lengths = rows, batch_size, lengths
        self.ids = rng.integers(1, words, (rows, max(lengths))).astype("int32")
        self.labels = (self.ids[:, 0] % classes).astype("int32")
        self.weights = np.ones(rows, "float32")
        self.steps_per_epoch = -(-rows // batch_size)

    def order(self, epoch):
        order = np.full(self.steps_per_epoch * self.batch_size, -1)
        order[: self.rows] = np.random.default_rng(epoch).permutation(self.rows)
        return order

    def epoch(self, epoch, start=0):
        order = self.order(epoch).reshape(self.steps_per_epoch, self.batch_size)

        def batches():
            for step in range(start, self.steps_per_epoch):
                rows = order[step]
                length = self.lengths[step % len(self.lengths)]
                ids = tf.constant(self.ids[rows][:, :length])
                real = (rows >= 0).astype("float32")
                features = {"token_ids": ids, "padding_mask": tf.ones_like(ids)}
                targets = {"label": tf.constant(self.labels[rows])}
                yield features, targets, tf.constant(self.weights[rows] * real)

        ids = tf.TensorSpec((None, None), tf.int32)
        spec = (
            {"token_ids": ids, "padding_mask": ids},
            {"label": tf.TensorSpec((None,), tf.int32)},
            tf.TensorSpec((None,), tf.float32),
        )
        return Epoch(batches, spec)


class Epoch:
    """What tests need of a dataset; tracing a real one takes longer than the steps of a fit.

    Args:
        batches: () -> iterator of batches.
    """

    def __init__(self, batches, element_spec):
        self._batches, self.element_spec = batches, element_spec

    def __iter__(self):
        return self._batches()

    def map(self, change):
        return Epoch(lambda: (change(*batch) for batch in self), self.element_spec)

    def with_options(self, options):
        """A real dataset, for several devices."""
        made = tf.data.Dataset.from_generator(self._batches, output_signature=self.element_spec)
        return made.with_options(options)


class Task:
    """Classification, as far as an objective needs it."""

    activation = "softmax"

    @staticmethod
    def loss(targets, logits):
        return keras.losses.sparse_categorical_crossentropy(
            targets["label"], logits, from_logits=True
        )


def tiny_model(dropout=0.0, classes=3, words=20, blocks=2, dense=keras.layers.Dense):
    ids = keras.Input((None,), dtype="int32", name="token_ids")
    mask = keras.Input((None,), dtype="int32", name="padding_mask")
    x = keras.layers.Embedding(words, 6, name="embedding_tokens")(ids)
    x = keras.layers.LayerNormalization(name="embedding_norm")(x)
    for i in range(blocks):
        x = dense(6, activation="tanh", name=f"block_{i}_dense")(x)
        x = keras.layers.Dropout(dropout, name=f"block_{i}_dropout")(x)
        x = keras.layers.LayerNormalization(name=f"block_{i}_norm")(x)
    x = keras.layers.Dense(6, activation="tanh", name="pooling_dense")(_mean(x, mask))
    logits = keras.layers.Dense(classes, name="head_logits", dtype="float32")(x)
    return keras.Model({"token_ids": ids, "padding_mask": mask}, logits)


def least_model(classes=3, words=20):
    """What a fit needs at least, a table and a head: where the layers between do not matter."""
    ids = keras.Input((None,), dtype="int32", name="token_ids")
    mask = keras.Input((None,), dtype="int32", name="padding_mask")
    x = keras.layers.Embedding(words, 6, name="embedding_tokens")(ids)
    logits = keras.layers.Dense(classes, name="head_logits", dtype="float32")(_mean(x, mask))
    return keras.Model({"token_ids": ids, "padding_mask": mask}, logits)


def _mean(x, mask):
    """Mean (b, d) of the vectors (b, t, d) that are not padding."""
    weight = keras.ops.expand_dims(keras.ops.cast(mask, x.dtype), -1)
    return keras.ops.sum(x * weight, 1) / keras.ops.maximum(keras.ops.sum(weight, 1), 1)


def scores(*values):
    """An `evaluate` that gives these accuracies, one a call."""
    left = list(values)
    return lambda: Evaluation({"accuracy": left.pop(0)})
