"""One function pads every kind of input: tokens, floats, pictures, and sequences of their own."""

import numpy as np
import pytest

from tfapps.data.pipeline import Batches
from tfapps.features.columns import Encoded, Ragged
from tfapps.features.feature import Feature, select, tokens
from tfapps.features.padding import dense, pad

FEATURES = (
    *tokens("token_ids", "padding_mask", length=6),
    Feature("frames", "float32", (None, 3), length=4, pad=-1.0, mask="frame_mask"),
    Feature("frame_mask", "float32", length=4, mask="frame_mask"),
    Feature("history", "int64", pad=9, mask="history_mask"),
    Feature("history_mask", "int32", mask="history_mask"),
    Feature("image", "uint8", (2, 2, 1)),
)
NAMES = [feature.name for feature in FEATURES]
COLUMNS = {
    "token_ids": [np.array([5, 6, 7], np.int32), np.array([8], np.int32)],
    "frames": [np.full((1, 3), 0.5, np.float32), np.full((5, 3), 0.25, np.float32)],
    "history": [np.array([], np.int32), np.array([1, 2], np.int32)],
    "image": np.arange(8).reshape(2, 2, 2, 1),
}


def encoded():
    columns = {
        name: column if isinstance(column, np.ndarray) else Ragged.from_rows(column)
        for name, column in COLUMNS.items()
    }
    return Encoded(columns, 0)


def test_every_kind_of_feature_is_padded_to_its_longest_row():
    arrays = pad(FEATURES, COLUMNS)
    assert list(arrays) == NAMES
    assert [array.dtype.name for array in arrays.values()] == [f.dtype for f in FEATURES]
    assert arrays["token_ids"].tolist() == [[5, 6, 7], [8, 0, 0]]
    assert arrays["padding_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert arrays["frames"].shape == (2, 4, 3)  # a fifth frame is more than `length`
    assert arrays["frames"][0, :, 0].tolist() == [0.5, -1, -1, -1]
    assert arrays["frame_mask"].tolist() == [[1, 0, 0, 0], [1, 1, 1, 1]]
    assert arrays["history"].tolist() == [[9, 9], [1, 2]]
    assert arrays["history_mask"].tolist() == [[0, 0], [1, 1]]
    np.testing.assert_array_equal(arrays["image"], COLUMNS["image"])


def test_the_full_length_is_that_of_the_feature():
    arrays = pad(FEATURES, COLUMNS, full=True)
    assert arrays["token_ids"].tolist() == [[5, 6, 7, 0, 0, 0], [8, 0, 0, 0, 0, 0]]
    assert arrays["padding_mask"].sum(axis=1).tolist() == [3, 1]
    assert arrays["history"].shape == (2, 2)  # it has no limit


def test_an_empty_row_can_be_filled():
    arrays = pad(FEATURES, COLUMNS | {"token_ids": [[], []]}, blank={"token_ids": 1})
    assert arrays["token_ids"].tolist() == [[1], [1]]
    assert arrays["padding_mask"].tolist() == [[1], [1]]
    assert arrays["history_mask"].tolist() == [[1, 0], [1, 1]]
    assert arrays["history"].tolist() == [[9, 9], [1, 2]]


def test_arrays_are_padded_with_the_masks_they_have():
    once = pad(FEATURES, COLUMNS)
    twice = pad(FEATURES, once, full=True)
    for name, array in pad(FEATURES, COLUMNS, full=True).items():
        np.testing.assert_array_equal(twice[name], array)
    shorter = pad(tokens("token_ids", "padding_mask", length=2), once, full=True)
    assert shorter["token_ids"].tolist() == [[5, 6], [8, 0]]
    assert shorter["padding_mask"].tolist() == [[1, 1], [1, 0]]


def test_encoded_rows_are_padded_alike():
    for name, array in pad(FEATURES, COLUMNS, full=True).items():
        np.testing.assert_array_equal(dense(encoded(), FEATURES)[name], array)
    one = dense(encoded(), select(FEATURES, ("image", "padding_mask", "token_ids")), np.array([1]))
    assert list(one) == ["image", "padding_mask", "token_ids"]
    assert one["padding_mask"].tolist() == [[1, 0, 0, 0, 0, 0]]


def test_no_rows_keep_their_shape():
    nothing = {name: column[:0] for name, column in COLUMNS.items()}
    arrays = pad(FEATURES, nothing, full=True)
    assert arrays["frames"].shape == (0, 4, 3)
    assert arrays["image"].shape == (0, 2, 2, 1)
    assert arrays["padding_mask"].shape == (0, 6)


def test_batches_are_padded_alike():
    rows = COLUMNS | {"frames": [row[:4] for row in COLUMNS["frames"]]}
    columns = encoded().columns | {"frames": Ragged.from_rows(rows["frames"])}
    batches = Batches(
        Encoded(columns, 0),
        features=FEATURES,
        targets=("history",),
        batch_size=2,
        max_length=6,
        buckets=(6,),
        shuffle=False,
    )
    (features, targets, _) = next(iter(batches.epoch(0)))
    order = batches.order(0)
    assert targets["history"].numpy()[list(order).index(0)].tolist() == [0] * 6
    for name, array in pad(FEATURES, rows, full=True).items():
        actual = features[name].numpy()
        assert actual.dtype == array.dtype, name
        if name.startswith("history"):  # as long as the batch: it has no limit
            assert (actual[:, 2:] == (9 if name == "history" else 0)).all()
            actual = actual[:, :2]
        np.testing.assert_array_equal(actual, array[order], err_msg=name)


@pytest.mark.parametrize(
    ("feature", "rows", "message"),
    [
        (FEATURES[2], [np.zeros((2, 4))], r"frames: got the shape \(4,\), expected \(3,\)"),
        (FEATURES[2], np.zeros((1, 2, 4)), r"frames: got the shape \(4,\), expected \(3,\)"),
        (FEATURES[6], np.zeros((1, 2, 2)), r"image: got the shape \(2, 2\), expected \(2, 2, 1\)"),
    ],
)
def test_rows_of_another_shape_are_refused(feature, rows, message):
    with pytest.raises(ValueError, match=message):
        pad([feature], {feature.name: rows})


def test_a_mask_needs_a_feature():
    with pytest.raises(ValueError, match="padding_mask needs a feature of tokens"):
        pad(tokens("padding_mask"), COLUMNS)


def test_only_the_first_axis_may_be_open():
    with pytest.raises(ValueError, match="only the first axis may be None"):
        Feature("image", shape=(None, None, 3))
