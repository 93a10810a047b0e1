"""Batches: their order is a pure function of (seed, epoch), and nothing is lost or invented."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapps.data.encoding import Encoded, Ragged
from tfapps.data.pipeline import Batches
from tfapps.data.plan import FEWEST_BATCHES, MOST_BUCKETS, choose_buckets, plan

FEATURES = ("token_ids", "padding_mask", "segment_ids")


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
    st.integers(1, 9),
    st.sets(st.integers(1, 63), max_size=5),
    st.integers(0, 3),
    st.integers(0, 3),
    st.booleans(),
)
def test_plan_holds_every_row_once_in_a_length_that_fits(
    lengths, batch_size, buckets, seed, epoch, shuffle
):
    lengths, buckets = np.array(lengths), (*sorted(buckets), 64)
    made = plan(lengths, buckets, batch_size, seed, epoch, shuffle)
    rows = made.rows.reshape(-1)
    assert sorted(rows[rows >= 0]) == list(range(len(lengths)))
    assert made.rows.shape == (-(-len(lengths) // batch_size), batch_size)
    assert (made.rows[:, 0] >= 0).all()
    assert ((made.rows < 0).any(axis=1)).sum() <= 1
    assert set(made.lengths.tolist()) <= set(buckets)
    for batch, length in zip(made.rows, made.lengths, strict=True):
        assert lengths[batch[batch >= 0]].max() <= length
    again = plan(lengths, buckets, batch_size, seed, epoch, shuffle)
    assert (made.rows == again.rows).all()
    assert (made.lengths == again.lengths).all()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=400), st.integers(1, 16))
def test_buckets_are_few_filled_and_hold_the_longest(lengths, batch_size):
    buckets = choose_buckets(np.array(lengths), batch_size, 200)
    assert list(buckets) == sorted(set(buckets))
    assert len(buckets) <= MOST_BUCKETS
    assert max(lengths) <= buckets[-1] <= 200
    sizes = np.bincount(np.searchsorted(buckets, lengths), minlength=len(buckets))
    assert (sizes[:-1] >= FEWEST_BATCHES * batch_size).all()


def test_buckets_save_padding():
    lengths = np.array([10] * 1000 + [100] * 1000)
    assert choose_buckets(lengths, 32, 128) == (16, 128)
    assert choose_buckets(np.array([30] * 5), 32, 20_000) == (32,)
    assert choose_buckets(np.array([700] * 5), 32, 700) == (700,)


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
    for name in FEATURES:
        assert got[0][name].dtype == np.int32
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


def test_shapes_are_known_to_the_graph():
    features, targets, weight = _batches().epoch(0).element_spec
    assert features["token_ids"].shape.as_list() == [8, None]
    assert targets["labels"].shape.as_list() == [8, 3]
    assert weight.shape.as_list() == [8]
    features, _, _ = _batches(buckets=(64,)).epoch(0).element_spec
    assert {tuple(spec.shape) for spec in features.values()} == {(8, 64)}


def test_autotune_is_off_and_order_is_fixed():
    options = _batches().epoch(0).options()
    assert options.autotune.enabled is False
    assert options.deterministic is True


def test_features_alone_for_prediction():
    batches = _batches(features=("padding_mask", "token_ids"), targets=(), shuffle=False)
    features, targets, _ = next(iter(batches.epoch(0)))
    assert targets == {}
    assert set(features) == {"token_ids", "padding_mask"}


@pytest.mark.parametrize("rows", [1, 7, 8, 9])
def test_a_handful_of_rows(rows):
    got = _flat(_batches(LENGTHS[:rows]).epoch(0))
    assert sum(batch["weight"].sum() for batch in got) == rows
    assert {len(batch["label"]) for batch in got} == {8}


def test_rows_without_tokens_are_all_padding():
    got = _flat(_batches([0, 0], batch_size=2).epoch(0))
    assert got[0]["padding_mask"].sum() == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": ("token_ids", "pixels")}, r"no column pixels: there are \['token_ids'"),
        ({"max_length": 30}, r"tokens, expected at most 30"),
        ({"buckets": (8, 16)}, r"buckets \(8, 16\): longest row has 40"),
        ({"buckets": (64, 8)}, r"expected ascending lengths"),
        ({"batch_size": 0}, r"batch_size 0: expected 1 or more"),
        ({"lengths": []}, r"no rows to make batches of"),
        ({"features": ("padding_mask",)}, r"padding_mask needs a feature of tokens"),
    ],
)
def test_wrong_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        _batches(**changes)


@pytest.mark.parametrize("start", [-1, 27])
def test_start_outside_the_epoch(start):
    with pytest.raises(ValueError, match="an epoch has 26 batches"):
        _batches().epoch(0, start=start)
