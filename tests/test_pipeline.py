"""Batches: their order is a pure function of (seed, epoch), and nothing is lost or invented."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapps.data.pipeline import Batches
from tfapps.data.plan import (
    FEWEST_BATCHES,
    MOST_BUCKETS,
    choose_buckets,
    plan,
    rows_of_tokens,
    steps,
)
from tfapps.features.columns import Encoded, Ragged
from tfapps.features.feature import tokens

FEATURES = tokens("token_ids", "padding_mask", "segment_ids")


def _encoded(lengths):
    ids = [np.arange(1, n + 1, dtype=np.int32) + 100 * i for i, n in enumerate(lengths)]
    tags = [np.full(n, i + 1, np.int32) for i, n in enumerate(lengths)]
    rows = len(lengths)
    return Encoded(
        {
            "token_ids": Ragged.from_rows(ids),
            "segment_ids": Ragged.from_rows([np.ones(n, np.int32) for n in lengths]),
            "label": np.arange(rows, dtype=np.int32),
            "labels": np.eye(rows, 3, dtype=np.float32),
            "tags": Ragged.from_rows(tags),
        },
        0,
    )


LENGTHS = [int(n) for n in np.random.default_rng(0).integers(1, 41, 203)]


def _batches(lengths=LENGTHS, **changes):
    arguments = {"features": FEATURES, "targets": ("label", "labels", "tags"), "batch_size": 8}
    return Batches(_encoded(lengths), **{**arguments, "max_length": 64, **changes})


def _flat(dataset):
    return [
        {**{k: v.numpy() for k, v in {**features, **targets}.items()}, "weight": weight.numpy()}
        for features, targets, weight in dataset
    ]


def _same(a, b):
    assert len(a) == len(b)
    for left, right in zip(a, b, strict=True):
        assert left.keys() == right.keys()
        for name in left:
            assert left[name].dtype == right[name].dtype
            assert left[name].tobytes() == right[name].tobytes()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(0, 64), min_size=1, max_size=80),
    st.lists(st.integers(1, 9), min_size=6, max_size=6),
    st.sets(st.integers(1, 63), max_size=5),
    st.integers(0, 3),
    st.integers(0, 3),
    st.booleans(),
)
def test_plan_holds_every_row_once_in_a_length_that_fits(
    lengths, sizes, buckets, seed, epoch, shuffle
):
    lengths, buckets = np.array(lengths), (*sorted(buckets), 64)
    size_of = dict(zip(buckets, sizes, strict=False))
    sizes = tuple(size_of.values())
    batches = plan(lengths, buckets, sizes, seed, epoch, shuffle)
    rows = np.concatenate(batches.batches)
    assert sorted(rows[rows >= 0]) == list(range(len(lengths)))
    assert len(batches.batches) == len(batches.lengths) == steps(lengths, buckets, sizes)
    assert all(batch[0] >= 0 for batch in batches.batches)
    assert sum((batch < 0).any() for batch in batches.batches) <= 1
    for batch, length in zip(batches.batches, batches.lengths, strict=True):
        assert len(batch) == size_of[length]
        assert lengths[batch[batch >= 0]].max() <= length
    again = plan(lengths, buckets, sizes, seed, epoch, shuffle)
    for one, other in zip(batches.batches, again.batches, strict=True):
        assert one.tolist() == other.tolist()
    assert (batches.lengths == again.lengths).all()


@given(st.lists(st.integers(1, 64), min_size=1, max_size=80), st.integers(1, 9))
def test_batches_of_one_size_are_as_few_as_can_be(lengths, size):
    assert steps(np.array(lengths), (8, 24, 64), (size,) * 3) == -(-len(lengths) // size)


@given(st.integers(1, 5000), st.integers(1, 512), st.integers(1, 8))
def test_rows_of_tokens_are_the_most_that_fit_and_replicas_can_share(tokens, length, replicas):
    rows = rows_of_tokens(tokens, length, replicas)
    assert rows % replicas == 0
    assert rows * length <= tokens or rows == replicas
    assert (rows + replicas) * length > tokens


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=400), st.integers(1, 16))
def test_buckets_are_few_filled_and_hold_the_longest(lengths, batch_size):
    buckets = choose_buckets(np.array(lengths), lambda length: batch_size, 200)
    assert list(buckets) == sorted(set(buckets))
    assert len(buckets) <= MOST_BUCKETS
    assert max(lengths) <= buckets[-1] <= 200
    sizes = np.bincount(np.searchsorted(buckets, lengths), minlength=len(buckets))
    assert (sizes[:-1] >= FEWEST_BATCHES * batch_size).all()


def test_buckets_save_padding():
    lengths = np.array([10] * 1000 + [100] * 1000)
    assert choose_buckets(lengths, lambda length: 32, 128) == (16, 128)
    assert choose_buckets(np.array([30] * 5), lambda length: 32, 20_000) == (32,)
    assert choose_buckets(np.array([700] * 5), lambda length: 32, 700) == (700,)


def test_batches_hold_the_rows_padded_and_masked():
    batches = _batches()
    order = batches.order(3).reshape(batches.steps_per_epoch, 8)
    got = _flat(batches.epoch(3))
    assert len(got) == batches.steps_per_epoch == 26
    for rows, batch in zip(order, got, strict=True):
        assert batch["weight"].tolist() == [float(row >= 0) for row in rows]
        for i, row in enumerate(rows):
            row = rows[0] if row < 0 else row  # filler repeats a row, so no mask is all zeros
            n = LENGTHS[row]
            assert batch["token_ids"][i, :n].tolist() == list(
                range(1 + 100 * row, n + 1 + 100 * row)
            )
            assert batch["padding_mask"][i].tolist() == [1] * n + [0] * (
                batch["token_ids"].shape[1] - n
            )
            assert not batch["token_ids"][i, n:].any()
            assert batch["segment_ids"][i].tolist() == batch["padding_mask"][i].tolist()
            assert batch["tags"][i].tolist() == [(row + 1) * m for m in batch["padding_mask"][i]]
            assert batch["label"][i] == row
            assert batch["labels"][i].tolist() == np.eye(203, 3)[row].tolist()
    for feature in FEATURES:
        assert got[0][feature.name].dtype == np.int32
    assert got[0]["labels"].dtype == got[0]["weight"].dtype == np.float32


@pytest.mark.parametrize("start", [0, 1, 25, 26])
def test_an_epoch_from_the_middle_is_its_rest(start):
    _same(_flat(_batches().epoch(1, start=start)), _flat(_batches().epoch(1))[start:])


def test_order_depends_on_seed_and_epoch_alone():
    batches = _batches()
    list(batches.epoch(5))
    _same(_flat(batches.epoch(2)), _flat(_batches().epoch(2)))
    orders = [_batches(seed=s).order(e).tolist() for s in (13, 14) for e in (0, 1, 2)]
    assert len({tuple(order) for order in orders}) == 6


def test_batch_mates_change_between_epochs():
    batches = _batches()
    mates = [{frozenset(b) for b in batches.order(e).reshape(-1, 8)} for e in (0, 1)]
    assert not mates[0] & mates[1]


def test_without_shuffle_every_epoch_is_the_same():
    batches = _batches(shuffle=False)
    assert batches.order(0).tolist() == batches.order(7).tolist()
    one = _batches(shuffle=False, buckets=(64,))
    assert one.order(0).tolist() == [*range(203), *[-1] * 5]


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_change_is_new_in_every_epoch_and_the_same_when_it_is_repeated(shuffle):
    def change(features, targets, seed, part):
        marks = {"seed": tf.broadcast_to(seed, (tf.shape(targets["label"])[0], 2))}
        return features, targets | marks

    batches = _batches(shuffle=shuffle, change=change)
    first, second, again = (_flat(batches.epoch(epoch)) for epoch in (0, 1, 0))
    _same(first, again)
    for left, right in zip(first, second, strict=True):
        assert (left["seed"][:, 0] != right["seed"][:, 0]).all()


TOKENS = {"batch_tokens": 160, "buckets": (8, 16, 64)}


@pytest.mark.parametrize(("multiple", "sizes"), [(1, (20, 10, 2)), (4, (20, 8, 4))])
def test_batches_of_tokens_hold_as_many_rows_as_fit(multiple, sizes):
    batches = _batches(**TOKENS, multiple=multiple)
    assert batches.sizes == sizes
    assert batches.batch_size == 20
    size_of = dict(zip(batches.buckets, sizes, strict=True))
    for epoch in range(3):
        got = _flat(batches.epoch(epoch))
        assert len(got) == batches.steps_per_epoch
        assert all(len(b["label"]) == size_of[b["token_ids"].shape[1]] for b in got)
        real = np.concatenate([b["label"][b["weight"] > 0] for b in got])
        assert sorted(real) == list(range(203))
        assert len({b["token_ids"].shape for b in got}) == 3
        _same(_flat(batches.epoch(epoch, start=7)), got[7:])
        order = batches.order(epoch)
        assert order[order >= 0].tolist() == real.tolist()


def test_batches_of_tokens_choose_buckets_that_hold_a_few_batches_each():
    batches = _batches(LENGTHS * 4, batch_tokens=400)
    filled = np.bincount(np.searchsorted(batches.buckets, LENGTHS * 4))
    assert len(batches.buckets) > 1
    assert all(
        n >= FEWEST_BATCHES * size for n, size in zip(filled, batches.sizes[:-1], strict=False)
    )
    assert batches.sizes == tuple(400 // length for length in batches.buckets)


def test_shapes_are_known_to_the_graph():
    features, targets, weight = _batches().epoch(0).element_spec
    assert features["token_ids"].shape.as_list() == [8, None]
    assert targets["labels"].shape.as_list() == [8, 3]
    assert weight.shape.as_list() == [8]
    features, _, weight = _batches(**TOKENS).epoch(0).element_spec
    assert features["token_ids"].shape.as_list() == [None, None]
    assert weight.shape.as_list() == [None]
    features, _, _ = _batches(buckets=(64,)).epoch(0).element_spec
    assert {tuple(spec.shape) for spec in features.values()} == {(8, 64)}


def test_autotune_is_off_and_order_is_fixed():
    options = _batches().epoch(0).options()
    assert options.autotune.enabled is False
    assert options.deterministic is True


def test_features_alone_for_prediction():
    batches = _batches(features=tokens("padding_mask", "token_ids"), targets=(), shuffle=False)
    features, targets, _ = next(iter(batches.epoch(0)))
    assert targets == {}
    assert set(features) == {"token_ids", "padding_mask"}


@pytest.mark.parametrize("rows", [1, 7, 8, 9])
def test_a_handful_of_rows(rows):
    got = _flat(_batches(LENGTHS[:rows]).epoch(0))
    assert sum(batch["weight"].sum() for batch in got) == rows
    assert {len(batch["label"]) for batch in got} == {min(rows, 8)}


def test_rows_without_tokens_are_all_padding():
    got = _flat(_batches([0, 0], batch_size=2).epoch(0))
    assert got[0]["padding_mask"].sum() == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": tokens("token_ids", "pixels")}, r"no column pixels: there are \['token_ids'"),
        ({"max_length": 30}, r"tokens, expected at most 30"),
        ({"buckets": (8, 16)}, r"buckets \(8, 16\): longest row has 40"),
        ({"buckets": (64, 8)}, r"expected ascending lengths"),
        ({"batch_size": 0}, r"batch_size 0: expected 1 or more"),
        ({"batch_tokens": 0}, r"batch_tokens 0: expected 1 or more"),
        ({"lengths": []}, r"no rows to make batches of"),
        ({"features": tokens("padding_mask")}, r"padding_mask needs a feature of tokens"),
    ],
)
def test_wrong_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        _batches(**changes)


@pytest.mark.parametrize("start", [-1, 27])
def test_start_outside_the_epoch(start):
    with pytest.raises(ValueError, match="an epoch has 26 batches"):
        _batches().epoch(0, start=start)


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({"batch_size": 100_000}, 150),
        ({"batch_size": 100_000, "multiple": 4}, 152),
        ({"batch_size": 100_000, "balance": ("label", 4), "multiple": 6}, 156),
        ({"batch_size": 32, "batch_tokens": 10**9, "multiple": 4}, 152),
        ({"batch_size": 149}, 149),
        ({"batch_size": 100_000, "shuffle": False}, 150),
    ],
)
def test_a_batch_has_no_more_rows_than_there_are(options, rows):
    batches = _batches([5] * 150, **options)
    assert batches.batch_size == rows
    assert batches.steps_per_epoch == (1 if rows >= 150 else 2)
    features, _, weight = next(iter(batches.epoch(0)))
    assert features["token_ids"].shape == (rows, 8)
    assert weight.numpy().sum() == min(rows, 150)
