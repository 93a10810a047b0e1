"""Rows out of documents: what is in them, what follows what, and that no document leaks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapps.data import encoding, stored
from tfapps.data.corpora import Corpus
from tfapps.errors import InputError
from tfapps.tasks import _packing, masked_lm
from tfapps.text.tokenizer import Tokenizer

SIZES = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=8), min_size=1, max_size=6)


def documents(sizes):
    """Ids that tell where they are from: 1000 times the document, then counted."""
    built = []
    for number, lengths in enumerate(sizes):
        ids = 1000 * number + np.arange(sum(lengths))
        built.append(np.split(ids, np.cumsum(lengths)[:-1]))
    return built


@settings(deadline=None)
@given(SIZES, st.integers(4, 40))
def test_packed_rows_are_the_documents_in_pieces(sizes, room):
    for document in documents(sizes):
        rows = _packing.packed(document, room)
        assert np.concatenate(rows).tolist() == np.concatenate(document).tolist()
        assert all(0 < len(row) <= room for row in rows)
        ends = set(np.cumsum([len(sentence) for sentence in document]))
        longest = max(map(len, document))
        for end in np.cumsum([len(row) for row in rows]):
            assert end in ends or longest > room  # sentences stay whole if they can


def generator(seed=1):
    return np.random.default_rng(seed)


@settings(deadline=None)
@given(SIZES, st.integers(6, 40), st.integers(0, 9))
def test_a_pair_follows_in_its_document_or_is_of_another(sizes, room, seed):
    for pair in _packing.followed(documents(sizes), room, generator(seed)):
        assert 0 < len(pair.first) + len(pair.second) <= room
        assert len(pair.first)
        assert len(pair.second)
        sources = {int(part[0]) // 1000 for part in (pair.first, pair.second)}
        for part in (pair.first, pair.second):
            assert np.diff(part).tolist() == [1] * (len(part) - 1)
            assert len(np.unique(part // 1000)) == 1
        if pair.label:
            assert pair.second[0] == pair.first[-1] + 1
        else:
            assert len(sources) == 2


def test_half_of_the_pairs_follow():
    sizes = generator(3).integers(1, 20, (200, 6)).tolist()
    labels = [pair.label for pair in _packing.followed(documents(sizes), 40, generator())]
    assert len(labels) > 400
    assert np.mean(labels) == pytest.approx(0.5, abs=0.01)


def test_a_single_document_has_no_random_pairs():
    pairs = _packing.followed(documents([[5, 5, 5, 5]]), 12, generator())
    assert [pair.label for pair in pairs] == [1] * len(pairs)
    assert pairs


def test_random_pairs_lose_no_sentence():
    sizes = [[4] * 10] * 5
    texts = documents(sizes)
    pairs = _packing.followed(texts, 16, generator())
    packed = np.concatenate([part for p in pairs for part in (p.first, p.second)])
    missing = set(np.concatenate([s for d in texts for s in d])) - set(packed)
    assert len(missing) <= 4 * len(sizes)  # at most the last sentence of each


@settings(deadline=None)
@given(SIZES, st.integers(6, 40), st.integers(0, 9))
def test_an_order_is_right_or_turned_round(sizes, room, seed):
    for document in documents(sizes):
        for pair in _packing.ordered(document, room, generator(seed)):
            assert len(pair.first) + len(pair.second) <= room
            first, second = pair[:2] if pair.label else pair[1::-1]
            assert second[0] == first[-1] + 1


def test_half_of_the_orders_are_right():
    sizes = generator(3).integers(1, 12, (300, 6)).tolist()
    draw = generator()
    labels = [p.label for d in documents(sizes) for p in _packing.ordered(d, 30, draw)]
    assert np.mean(labels) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_empty_documents_are_not_drawn_for_random_pairs(seed):
    nothing, sentences = [np.zeros(0, np.int64)], [np.arange(3), np.arange(3)]
    documents = [nothing, sentences, nothing, sentences[:1], nothing]
    pairs = _packing.followed(documents, 20, np.random.default_rng(seed))
    assert all(len(pair.first) and len(pair.second) for pair in pairs)


SHORT = [["One alone."], ["Another one."], ["A third."]]
LONG = [["First here.", "Second there."]]


@pytest.fixture(scope="module")
def learner():
    """A task for each way to pair, and its tokenizer."""
    tokenizer = Tokenizer.train([" ".join(d) for d in SHORT + LONG] * 3, "wordpiece", 80)

    def task_for(pairs):
        task = masked_lm.Task(masked_lm.Config(pairs=pairs))
        task.set_tokenizer(tokenizer, None, None)
        return task, tokenizer

    return task_for


@pytest.mark.parametrize("pairs", ["none", "next", "order"])
@pytest.mark.parametrize("empty", [SHORT, [["\u200b"]] * 3, [*SHORT[:1], ["\u200b"]]])
@pytest.mark.parametrize("place", [0, 1])
def test_parts_of_a_corpus_may_give_no_row(monkeypatch, learner, pairs, empty, place):
    monkeypatch.setattr(stored, "SENTENCES", len(empty))
    documents = empty + LONG * 3 if place == 0 else LONG * 3 + empty
    corpus = Corpus(lambda: iter(documents), [str(documents)])
    encoded = encoding.encode(corpus, *learner(pairs), 16, None)
    assert len(encoded) >= 1
    for column in encoded.columns.values():
        assert len(column) == len(encoded)


def test_a_corpus_without_a_row_is_refused_by_one_line(learner):
    corpus = Corpus(lambda: iter(SHORT), ["short"])
    with pytest.raises(InputError, match="gives no training rows; expected a sentence a line,"):
        encoding.encode(corpus, *learner("order"), 16, None)
