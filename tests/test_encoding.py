"""The cache of encoded data: never stale, never trusted blindly, never fatal."""

import json
import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapps.config.sections import Section
from tfapps.data import encoding
from tfapps.features import padding
from tfapps.features.columns import Ragged
from tfapps.features.feature import Feature, tokens
from tfapps.text.tokenizer import Tokenizer

EXAMPLES = [
    {"text": "a b a", "label": "x"},
    {"text": "b", "label": "y"},
    {"text": "a", "label": "x"},
]
TOKENIZER = Tokenizer.train(["a b c"], "words", 10, True, 1)


class Options(Section):
    """What a row becomes may depend on it, though it is in no file of the task."""

    first: int = 0


class Task:
    """The encoding half of a task, counting how often it works."""

    def __init__(self, labels=("x", "y"), first=0):
        self.labels, self.calls, self.config = list(labels), 0, Options(first=first)

    def save(self, folder):
        (folder / "labels.json").write_text(json.dumps(self.labels))

    def encode(self, examples, tokenizer, max_length):
        self.calls += 1
        tokens = tokenizer.encode([e["text"] for e in examples], max_length=max_length)
        label = np.array([self.labels.index(e["label"]) for e in examples], np.int32)
        label += self.config.first
        columns = {"token_ids": tokens.token_ids, "segment_ids": tokens.segment_ids, "label": label}
        return columns, tokens.truncated


def _assert_same(a, b):
    assert list(a.columns) == list(b.columns)
    assert (a.truncated, len(a)) == (b.truncated, len(b))
    for name in a.columns:
        left, right = a.columns[name], b.columns[name]
        assert type(left) is type(right)
        pairs = [(left, right)]
        if isinstance(left, Ragged):
            pairs = [(left.values, right.values), (left.offsets, right.offsets)]
        for x, y in pairs:
            assert x.dtype == y.dtype
            assert x.tolist() == y.tolist()


def test_encoded_columns():
    encoded = encoding.encode(EXAMPLES, Task(), TOKENIZER, 2, None)
    assert (len(encoded), encoded.truncated) == (3, 1)
    ids = encoded.columns["token_ids"]
    assert [ids[i].tolist() for i in range(3)] == [[3, 4], [4], [3]]
    assert ids.lengths.tolist() == [2, 1, 1]
    assert encoded.columns["label"].tolist() == [0, 1, 0]


def test_second_time_is_read(tmp_path):
    task = Task()
    first = encoding.encode(EXAMPLES, task, TOKENIZER, 8, tmp_path)
    second = encoding.encode(EXAMPLES, task, TOKENIZER, 8, tmp_path)
    assert task.calls == 1
    _assert_same(first, second)
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]


def test_every_change_is_encoded_anew(tmp_path):
    other = Tokenizer.train(["b a c c"], "words", 10, True, 1)
    variants = [
        (EXAMPLES, Task(), TOKENIZER, 8),
        (EXAMPLES[:2], Task(), TOKENIZER, 8),
        ([*EXAMPLES[:2], {"text": "a", "label": "y"}], Task(), TOKENIZER, 8),
        (EXAMPLES, Task("yx"), TOKENIZER, 8),
        (EXAMPLES, Task(first=1), TOKENIZER, 8),
        (EXAMPLES, Task(), other, 8),
        (EXAMPLES, Task(), TOKENIZER, 7),
    ]
    for variant in variants:
        _assert_same(encoding.encode(*variant, tmp_path), encoding.encode(*variant, None))
    assert len(list(tmp_path.iterdir())) == len(variants)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_cache_is_rebuilt(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("cache")
    task = Task()
    expected = encoding.encode(EXAMPLES, task, TOKENIZER, 8, folder)
    (path,) = folder.iterdir()
    good = path.read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    cut = data.draw(st.booleans())
    path.write_bytes(good[:at] if cut else good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
    _assert_same(encoding.encode(EXAMPLES, task, TOKENIZER, 8, folder), expected)
    assert task.calls == 2
    assert path.read_bytes() == good


def test_a_cache_that_cannot_be_written_is_not_fatal(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        encoded = encoding.encode(EXAMPLES, Task(), TOKENIZER, 8, tmp_path / "file" / "cache")
    assert len(encoded) == 3
    assert len(caplog.records) == 1
    assert "cannot write the cache" in caplog.text


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(encoding.os, "replace", full)
    assert len(encoding.encode(EXAMPLES, Task(), TOKENIZER, 8, tmp_path)) == 3
    assert "No space left on device" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_dense_pads_and_masks():
    encoded = encoding.encode(EXAMPLES, Task(), TOKENIZER, 8, None)
    features = tokens("token_ids", "padding_mask", "segment_ids", length=4)
    got = padding.dense(encoded, features)
    assert got["token_ids"].tolist() == [[3, 4, 3, 0], [4, 0, 0, 0], [3, 0, 0, 0]]
    assert got["padding_mask"].tolist() == [[1, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
    assert {array.dtype for array in got.values()} == {np.dtype(np.int32)}
    features = (Feature("label", shape=()), *tokens("token_ids", length=4))
    picked = padding.dense(encoded, features, np.array([2, 0]))
    assert picked["label"].tolist() == [0, 0]
    assert picked["token_ids"].tolist() == [[3, 0, 0, 0], [3, 4, 3, 0]]


def test_no_rows():
    encoded = encoding.encode([], Task(), TOKENIZER, 8, None)
    assert len(encoded) == 0
    assert padding.dense(encoded, tokens("token_ids", length=4))["token_ids"].shape == (0, 4)


def test_a_task_that_loses_rows_is_caught():
    task = Task()
    task.encode = lambda *_: ({"label": np.zeros(2, np.int32)}, 0)
    with pytest.raises(ValueError, match="column label: 2 rows, expected 3, one an example"):
        encoding.encode(EXAMPLES, task, TOKENIZER, 8, None)
