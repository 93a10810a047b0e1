"""What each of several machines reads of an epoch: its own rows, and the same as one alone."""

import numpy as np
import pytest
import tensorflow as tf
from test_pipeline import LENGTHS, TOKENS, _batches, _flat

from tfapps.data import gather
from tfapps.data.masking import Masking
from tfapps.data.staged import Stage, Staged
from tfapps.features.feature import tokens

HIDING = Masking(4, (0, 1, 2, 3, 4), 30_000, continues=np.arange(30_000) % 3 == 0)
HIDDEN = {"features": tokens("token_ids", "padding_mask"), "targets": ("label",), "change": HIDING}


def staged():
    short, long = (_batches(LENGTHS[:90], **HIDDEN, seed=seed) for seed in (1, 2))
    return Staged([Stage(short, 5), Stage(long, 9)], epochs=2)


MAKERS = {
    "plain": _batches,
    "tokens": lambda: _batches(**TOKENS, multiple=4),
    "hidden": lambda: _batches(**HIDDEN),
    "hidden tokens": lambda: _batches(**HIDDEN, **TOKENS, multiple=4),
    "staged": staged,
}
QUICK = ("plain-4", "hidden tokens-2", "staged-2")


def cases():
    """Batches and a number of parts; what others combine is left to `make test-slow`."""
    for name, make in MAKERS.items():
        for count in (2, 4):
            case = f"{name}-{count}"
            marks = [] if case in QUICK else [pytest.mark.slow]
            yield pytest.param(make, count, id=case, marks=marks)


@pytest.mark.parametrize(("make", "count"), [*cases()])
def test_parts_in_order_are_the_whole(make, count):
    full = _flat(make().epoch(1, 3))
    parts = [_flat(make().epoch(1, 3, (number, count))) for number in range(count)]
    for batch, *shares in zip(full, *parts, strict=True):
        for name, value in batch.items():
            joined = np.concatenate([share[name] for share in shares])
            assert joined.dtype == value.dtype, name
            np.testing.assert_array_equal(joined, value, err_msg=name)


def test_a_part_reads_no_row_of_another(monkeypatch):
    read = set()
    looked_up = gather._looked_up

    def noted(places):
        read.update(places.ravel().tolist())
        return places

    def spied(values, places):
        same = tf.numpy_function(noted, [places], places.dtype)
        return looked_up(values, tf.ensure_shape(same, places.shape))

    monkeypatch.setattr(gather, "_looked_up", spied)
    got = _flat(_batches(features=tokens("token_ids"), targets=("label",)).epoch(0, 0, (1, 2)))
    rows = set(np.concatenate([batch["label"] for batch in got]).tolist())
    assert len(rows) < 0.6 * len(LENGTHS)
    owner = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
    assert set(owner[sorted(read - {0})]) - {0} == rows - {0}  # place 0 stands for padding too


@pytest.mark.parametrize("part", [(2, 2), (-1, 2), (0, 3)])
def test_missing_parts_are_refused(part):
    with pytest.raises(ValueError, match=r"have \(8, .*\) rows, expected equal parts"):
        _batches().epoch(0, 0, part)
