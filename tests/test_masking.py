"""Which tokens are hidden, how often, and what stands in their place."""

import numpy as np
import pytest
import tensorflow as tf

from tfapps.data.masking import Masking

PIECES, MASK = 60, 4
NEVER = (0, 1, 2, 3, MASK)
CONTINUES = np.arange(PIECES) >= 40


def rows(count, length, seed=0, words=True):
    """Random ids with [CLS] (2) and [SEP] (3) around them, of different lengths."""
    generator = np.random.default_rng(seed)
    ids = generator.integers(5, PIECES if words else 40, (count, length)).astype("int32")
    sizes = generator.integers(max(4, length // 2), length + 1, count)
    ids[:, 0] = 2
    ids[np.arange(count), sizes - 1] = 3
    mask = (np.arange(length) < sizes[:, None]).astype("int32")
    return {"token_ids": ids * mask, "padding_mask": mask}


def hide(features, seed=(1, 2), continues=CONTINUES, **more):
    masking = Masking(MASK, NEVER, PIECES, continues=continues, **more)
    inputs = {name: tf.constant(value) for name, value in features.items()}
    changed, targets = masking(inputs, {}, seed)
    return {name: value.numpy() for name, value in {**changed, **targets}.items()}


@pytest.mark.parametrize("continues", [None, CONTINUES])
def test_places_and_ids_identify_what_was_hidden(continues):
    features = rows(50, 40)
    actual = hide(features, continues=continues)
    assert actual["masked_places"].shape == actual["masked_ids"].shape == (50, 6)
    for row in range(50):
        hidden = actual["masked_ids"][row] > 0
        assert hidden.any()
        places = actual["masked_places"][row]
        assert len(set(places[hidden])) == hidden.sum()
        assert (
            features["token_ids"][row][places[hidden]] == actual["masked_ids"][row][hidden]
        ).all()
        assert (places[~hidden] == 0).all()
        untouched = np.setdiff1d(np.arange(40), places[hidden])
        changed = actual["token_ids"][row][untouched]
        assert (changed == features["token_ids"][row][untouched]).all()


def test_specials_and_padding_are_never_hidden():
    actual = hide(rows(200, 24))
    assert not np.isin(actual["masked_ids"][actual["masked_ids"] > 0], NEVER).any()


def test_shares_are_those_of_bert():
    features = rows(2000, 64, words=False)
    actual = hide(features, continues=None)
    hidden = actual["masked_ids"] > 0
    real = features["padding_mask"].sum() - 2 * len(hidden)
    assert hidden.sum() / real == pytest.approx(0.15, abs=0.002)
    now = np.take_along_axis(actual["token_ids"], actual["masked_places"], axis=1)[hidden]
    was = actual["masked_ids"][hidden]
    assert (now == MASK).mean() == pytest.approx(0.8, abs=0.01)
    # One in 55 of the replaced ones happens to be itself.
    assert (now == was).mean() == pytest.approx(0.1 + 0.1 / 55, abs=0.008)
    others = now[(now != MASK) & (now != was)]
    assert not np.isin(others, NEVER).any()
    assert len(np.unique(others)) > 50


def test_all_places_are_hidden_alike():
    features = rows(4000, 12, words=False)
    features["padding_mask"][:] = 1
    features["token_ids"] = np.where(features["token_ids"] < 5, 7, features["token_ids"])
    actual = hide(features, continues=None)
    counts = np.bincount(actual["masked_places"][actual["masked_ids"] > 0], minlength=12)
    assert counts.min() > 0.8 * counts.mean()
    assert counts.max() < 1.2 * counts.mean()


def test_whole_words_or_nothing():
    features = rows(300, 60)
    actual = hide(features)
    ids, real = features["token_ids"], features["padding_mask"] > 0
    real &= ~np.isin(ids, NEVER)
    starts = ~(real & CONTINUES[ids])
    word = np.cumsum(starts, axis=1)
    broken = hidden_words = 0
    for row in range(len(ids)):
        places = actual["masked_places"][row][actual["masked_ids"][row] > 0]
        for number in np.unique(word[row][places]):
            pieces = np.flatnonzero((word[row] == number) & real[row])
            hidden_words += 1
            broken += not np.isin(pieces, places).all()
    assert hidden_words > 500
    assert broken <= 0.02 * hidden_words  # a word longer than all that may be hidden
    share = (actual["masked_ids"] > 0).sum() / real.sum()
    assert 0.12 < share <= 0.151


def test_a_seed_hides_the_same_and_another_does_not():
    features = rows(20, 30)
    one, again, other = hide(features), hide(features), hide(features, seed=(1, 3))
    for name in one:
        assert (one[name] == again[name]).all()
    assert (one["masked_places"] != other["masked_places"]).mean() > 0.5


def test_a_short_row_loses_one_token():
    features = {"token_ids": np.array([[2, 9, 3, 0]]), "padding_mask": np.array([[1, 1, 1, 0]])}
    actual = hide({name: value.astype("int32") for name, value in features.items()})
    assert actual["masked_ids"].tolist() == [[9]]
    assert actual["masked_places"].tolist() == [[1]]


def test_nothing_can_be_hidden_where_nothing_is():
    features = {"token_ids": np.array([[2, 3, 0, 0]]), "padding_mask": np.array([[1, 1, 0, 0]])}
    actual = hide({name: value.astype("int32") for name, value in features.items()})
    assert actual["masked_ids"].tolist() == [[0]]
    assert actual["token_ids"].tolist() == [[2, 3, 0, 0]]
