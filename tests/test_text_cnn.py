"""A convolutional network over words: by hand, padding, widths."""

import keras
import numpy as np
import pytest
from rounding import assert_same_sums

from tfapps.models import text_cnn

CONFIG = text_cnn.Config(embedding_size=4, filters=3, widths=(1, 3), max_length=8, dropout=0.0)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return text_cnn.build(CONFIG, vocabulary_size=10)


def features(*rows, length):
    ids = np.zeros((len(rows), length), "int32")
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
    return {"token_ids": ids, "padding_mask": (ids > 0).astype("int32")}


def test_a_pattern_is_a_product_with_neighbours_and_its_maximum_counts(model):
    outputs = model(features([3, 5, 7], length=3))
    table = np.asarray(model.get_layer("embeddings").embeddings)
    linear = model.get_layer("filters_3")
    words = np.concatenate([np.zeros((1, 4)), table[[3, 5, 7]], np.zeros((1, 4))])
    beside = np.stack([words[i : i + 3].ravel() for i in range(3)])
    products = beside @ np.asarray(linear.kernel) + np.asarray(linear.bias)
    expected = np.maximum(products, 0)
    assert_same_sums(outputs["sequence"][0, :, 3:], expected, terms=12)
    assert_same_sums(outputs["pooled"][0, 3:], expected.max(axis=0), terms=12)


def test_padding_changes_nothing(model):
    short, long = (model(features([3, 5, 7], [2], length=n)) for n in (3, 8))
    assert_same_sums(long["pooled"], short["pooled"], terms=12)
    assert_same_sums(long["sequence"][0, :3], short["sequence"][0], terms=12)


@pytest.mark.parametrize("widths", [[], [2], [3, 3], [0], [-1, 3]])
def test_widths_are_different_odd_numbers(widths):
    with pytest.raises(ValueError, match=r"widths\n.*got .*, expected different odd numbers"):
        text_cnn.Config(widths=widths)
