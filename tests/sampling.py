"""A tiny translator and pairs for the tests of its objective."""

import keras
import numpy as np

from tfapps.data.pipeline import Batches
from tfapps.features.columns import Encoded, Ragged
from tfapps.features.feature import tokens
from tfapps.metrics.cross_entropy import sequence_cross_entropy

WORDS = 12


def translator(dropout=0.0):
    """Logits (b, t, v) of the next token, from the last one and the first of the source."""
    names = ("token_ids", "padding_mask", "target_ids")
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
    table = keras.layers.Embedding(WORDS, 8, name="embeddings")
    x = table(inputs["target_ids"]) + table(inputs["token_ids"][:, :1])
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    x = keras.layers.Dense(16, activation="tanh", name="hidden")(x)
    return keras.Model(inputs, keras.layers.Dense(WORDS, dtype="float32", name="logits")(x))


def loss(targets, logits):
    return sequence_cross_entropy(logits, targets["label_ids"], 0.0)


def batches(rows=40):
    """Targets count up from the first token of the source: 5 -> 5 6 7 and the end."""
    starts = np.random.default_rng(0).integers(4, 8, rows)
    texts = [np.arange(start, start + 2 + start % 2, dtype=np.int32) for start in starts]
    columns = {
        "token_ids": texts,
        "target_ids": [np.append(np.int32(2), text) for text in texts],
        "label_ids": [np.append(text, np.int32(3)) for text in texts],
    }
    return Batches(
        Encoded({name: Ragged.from_rows(column) for name, column in columns.items()}, 0),
        features=tokens("token_ids", "padding_mask", "target_ids"),
        targets=("label_ids",),
        batch_size=8,
        max_length=8,
    )
