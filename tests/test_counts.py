"""What counting tells a model of words before it learns: how frequent, and beside which others."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from running import ROOT

from tfapps.config import load as configs
from tfapps.stages.train import train
from tfapps.tasks import _counts

WORDS = ["the", "a", "cat", "dog", "eats", "drinks", "fish", "milk", "never"]
THERE = {word: i for i, word in enumerate(WORDS)}
TEXT = ["the cat eats fish", "the dog eats fish", "a cat drinks milk", "a dog drinks milk"]


def ids(sentences):
    return [np.array([THERE[word] for word in s.split()], np.int32) for s in sentences]


def counts(text=TEXT):
    return _counts.count(text, ids, len(WORDS))


def test_neighbours_count_by_how_near_they_are():
    run = np.concatenate(ids(TEXT))
    expected = np.zeros((len(WORDS), len(WORDS)))
    for i, left in enumerate(run):
        for k, right in enumerate(run[i + 1 : i + 5], 1):
            expected[left, right] += 1 / k
            expected[right, left] += 1 / k
    actual = counts()
    np.testing.assert_allclose(actual.beside.toarray(), expected, rtol=1e-12)
    np.testing.assert_array_equal(actual.single, np.bincount(run, minlength=len(WORDS)))


def test_counting_goes_by_chunks_and_ends_in_time(monkeypatch):
    monkeypatch.setattr(_counts, "CHUNK", 2)
    np.testing.assert_array_equal(
        counts().single, counts(TEXT[:2]).single + counts(TEXT[2:]).single
    )
    monkeypatch.setattr(_counts, "MOST", 8)
    asked = iter(TEXT)
    np.testing.assert_array_equal(counts(asked).single, counts(TEXT[:2]).single)
    assert list(asked) == TEXT[2:]


def test_information_is_that_of_its_definition():
    actual = counts()
    beside = actual.beside.toarray()
    alone = beside.sum(axis=1)
    context = alone**0.75 / (alone**0.75).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.nan_to_num(np.log(beside / alone[:, None] / context), neginf=0.0)
    expected = np.maximum(log, 0)
    expected = (expected + expected.T) / 2
    np.testing.assert_allclose(_counts.information(actual).toarray(), expected, atol=1e-12)


def test_products_of_vectors_are_the_information_as_far_as_a_product_can_be():
    actual = counts()
    matrix = _counts.information(actual).toarray()
    values, vectors = np.linalg.eigh(matrix)
    for width in (3, 40):
        best = np.argsort(-values)[: min(width, len(WORDS) - 1)]
        nearest = vectors[:, best] * np.maximum(values[best], 0) @ vectors[:, best].T
        learned = _counts.vectors(actual, width, np.random.default_rng(0))
        assert learned.shape == (len(WORDS), width)
        np.testing.assert_allclose(learned @ learned.T, nearest, atol=1e-5)


def test_a_table_starts_with_like_vectors_for_like_words_and_a_bias_with_their_shares():
    before = np.random.default_rng(1).normal(0, 0.02, (len(WORDS), 6)).astype(np.float32)
    table, bias = keras.Variable(before), keras.Variable(np.zeros(len(WORDS), np.float32))
    _counts.start_embeddings(counts(), table, bias, seed=3)
    after = table.numpy()
    np.testing.assert_array_equal(after[-1], before[-1])  # was never met
    sizes = np.sqrt(np.mean(after[:-1] ** 2, axis=1))
    np.testing.assert_allclose(sizes, np.sqrt(np.mean(before**2)), rtol=1e-5)
    shares = np.exp(bias.numpy()) / np.exp(bias.numpy()).sum()
    once_more = counts().single + 1
    np.testing.assert_allclose(shares, once_more / once_more.sum(), rtol=1e-5)
    again = keras.Variable(before)
    _counts.start_embeddings(counts(), again, bias, seed=3)
    np.testing.assert_array_equal(again.numpy(), after)


BODY = """
task: {name: masked_lm}
data: {source: corpus, root: ., train: train.txt, dev: dev.txt}
text: {vocabulary_size: 60, min_frequency: 1}
train: {epochs: 1, batch_size: 8, learning_rate: 1.0e-9}
export: []
"""


ANEW = """
import hashlib, numpy as np
from tfapps.tasks import _counts
rows = [np.arange(12) % 4 + 4 * i for i in range(3)] * 5
counts = _counts.count(["x"] * 15, lambda some: rows, 20)
found = _counts.vectors(counts, 32, np.random.default_rng(5))
print(hashlib.sha256(found.tobytes()).hexdigest())
"""


def test_every_process_finds_the_same_vectors():
    """Of like words in like places there are many bases: one has to be taken by rule."""
    environment = {"PATH": "", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", ANEW]
    outputs = {subprocess.check_output(command, env=environment, text=True) for _ in range(3)}
    assert len(outputs) == 1


@pytest.mark.parametrize("text", [["the"], ["the the the the"]])
def test_a_corpus_without_information_leaves_the_vectors_unchanged(text):
    before = np.full((len(WORDS), 4), 0.5, np.float32)
    table, bias = keras.Variable(before), keras.Variable(np.zeros(len(WORDS), np.float32))
    _counts.start_embeddings(counts(text), table, bias, seed=3)
    np.testing.assert_array_equal(table.numpy(), before)
    assert bias.numpy().argmax() == THERE["the"]


@pytest.mark.parametrize(
    ("name", "model", "most"),
    [
        ("bert", "name: bert, size: tiny, layers: 1, ", 15),
        pytest.param("bilstm", "name: bilstm, units: 8, ", 30, marks=pytest.mark.slow),
    ],
)
def test_the_first_guesses_are_as_frequent_as_the_words(tmp_path, monkeypatch, name, model, most):
    monkeypatch.chdir(tmp_path)
    pairs = [("sun", "shines"), ("rain", "falls"), ("wind", "blows")]
    lines = [f"today the {a} {b}.\nthe {a} {b} again.\n" for a, b in pairs * 30]
    (tmp_path / "train.txt").write_text("\n".join(lines))
    (tmp_path / "dev.txt").write_text("\n".join(lines[:12]))

    def perplexity(run):
        path = tmp_path / f"{run}.yaml"
        path.write_text(f"model: {{{model}max_length: 16}}{BODY}")
        return train(configs.load(path)).metrics["dev"]["keras"]["perplexity"]

    counted = perplexity(name)
    monkeypatch.setattr(_counts, "start_embeddings", lambda *_: None)
    assert counted < most
    assert counted < 0.5 * perplexity("uncounted")
