"""Carving dev and test sets: pure functions of the seed that keep every label in train."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tfapps.config import load as configs
from tfapps.data import splits
from tfapps.data.sources import conll, corpus, parallel, tagged, tsv
from tfapps.errors import ConfigError, InputError


def _rows(labels):
    return [{"text": f"t{i}", "label": label} for i, label in enumerate(labels)]


single = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=60)
several = st.lists(st.lists(st.sampled_from("abcde"), max_size=3, unique=True), max_size=60)


@settings(max_examples=150, deadline=None)
@given(single | several, st.floats(0.01, 0.99), st.integers(0, 5))
def test_carving_keeps_rows_and_labels(labels, fraction, seed):
    rows = _rows(labels)
    try:
        train, dev = splits.carve(rows, fraction, seed)
    except InputError:
        # Refusing is right only where no row may be given away.
        counts = Counter(label for e in rows for label in e["label"])
        assert len(rows) == 1 or all(min(map(counts.get, e["label"]), default=0) == 1 for e in rows)
        return
    assert sorted(e["text"] for e in train + dev) == sorted(e["text"] for e in rows)
    for part in (train, dev):
        numbers = [int(e["text"][1:]) for e in part]
        assert numbers
        assert numbers == sorted(numbers)

    def known(part):
        return {label for e in part for label in e["label"]}

    assert known(train) == known(rows)
    assert (train, dev) == splits.carve(rows, fraction, seed)


def test_each_label_gives_its_share():
    rows = _rows("a" * 100 + "b" * 50 + "c" * 10)
    _, dev = splits.carve(rows, 0.1, 13)
    assert Counter(e["label"] for e in dev) == {"a": 10, "b": 5, "c": 1}


def test_seed_changes_the_rows_not_the_size():
    rows = _rows("ab" * 100)
    carved = [splits.carve(rows, 0.2, seed)[1] for seed in (1, 2)]
    assert [len(dev) for dev in carved] == [40, 40]
    assert carved[0] != carved[1]


def test_rows_that_rare_labels_keep_are_replaced():
    rows = _rows([*"uvwxyz", *"a" * 14])
    train, dev = splits.carve(rows, 0.25, 3)
    assert len(dev) == 5
    assert set("uvwxyz") <= {e["label"] for e in train}


def test_unlabelled_rows_can_be_carved():
    train, dev = splits.carve(_rows([None] * 10), 0.3, 1)
    assert (len(train), len(dev)) == (7, 3)


@pytest.mark.parametrize("labels", ["a", "ab", "abcdef"])
def test_too_few_rows_is_an_error(labels):
    with pytest.raises(InputError, match="leaves none for dev or for train"):
        splits.carve(_rows(labels), 0.5, 1)


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 3])
def test_fraction_outside_zero_to_one(fraction):
    with pytest.raises(InputError, match=r"data\.dev: got .*between 0 and 1"):
        splits.carve(_rows("aabb"), fraction, 1)


@pytest.mark.parametrize("dev", [0, 1, 1.5, -0.1])
def test_config_refuses_such_a_fraction(dev):
    with pytest.raises(ValidationError):
        tsv.Config(train="t", dev=dev)


def _write(path, rows):
    path.write_text("text\tlabel\n" + "".join(f"{t}\t{y}\n" for t, y in rows))


def test_load_reads_every_split(tmp_path):
    for name in ("train", "dev", "test"):
        _write(tmp_path / f"{name}.tsv", [(f"{name} {i}", "ab"[i % 2]) for i in range(10)])
    files = {"root": str(tmp_path), "train": "train.tsv"}
    loaded = splits.load(tsv.Config(**files, dev="dev.tsv", test="test.tsv"), 13)
    assert {name: rows[0]["text"] for name, rows in loaded.items()} == {
        "train": "train 0",
        "dev": "dev 0",
        "test": "test 0",
    }
    carved = splits.load(tsv.Config(**files, dev=0.2), 13)
    assert list(carved) == ["train", "dev"]
    assert (len(carved["train"]), len(carved["dev"])) == (8, 2)
    limited = splits.load(tsv.Config(**files, dev="dev.tsv", limit=3), 13)
    assert (len(limited["train"]), len(limited["dev"])) == (3, 10)


@pytest.fixture
def hundred(tmp_path):
    _write(tmp_path / "all.tsv", [(f"text {i}", "abcd"[i % 4]) for i in range(100)])
    return {"root": str(tmp_path), "train": "all.tsv"}


def _sizes(loaded):
    return {name: len(rows) for name, rows in loaded.items()}


def test_one_file_is_split_into_80_10_10_with_every_label_in_its_share(hundred):
    loaded = splits.load(tsv.Config(**hundred), 13)
    assert {name: len(rows) for name, rows in loaded.items()} == {
        "train": 80,
        "dev": 10,
        "test": 10,
    }
    for name in ("dev", "test"):
        assert set(Counter(row["label"] for row in loaded[name]).values()) == {2, 3}
    texts = [row["text"] for rows in loaded.values() for row in rows]
    assert len(set(texts)) == 100
    assert loaded == splits.load(tsv.Config(**hundred), 13)
    assert loaded["test"] != splits.load(tsv.Config(**hundred), 14)["test"]


@pytest.mark.parametrize("test", [0.1, 0.3, None])
def test_the_dev_rows_do_not_depend_on_the_test_rows(hundred, test):
    alone = splits.carve(splits.load(tsv.Config(**hundred, dev="all.tsv"), 13)["train"], 0.2, 13)
    loaded = splits.load(tsv.Config(**hundred, dev=0.2, test=test), 13)
    assert loaded["dev"] == alone[1]
    assert len(loaded.get("test", [])) == round(100 * (test or 0))


def test_a_named_split_keeps_the_other_as_it_was(hundred):
    assert "test" not in splits.load(tsv.Config(**hundred, dev=0.2), 13)
    named = splits.load(tsv.Config(**hundred, test="all.tsv"), 13)
    assert {name: len(rows) for name, rows in named.items()} == {
        "train": 90,
        "dev": 10,
        "test": 100,
    }
    beside = splits.load(tsv.Config(**hundred, dev="all.tsv", test=0.2), 13)
    assert {name: len(rows) for name, rows in beside.items()} == {
        "train": 80,
        "dev": 100,
        "test": 20,
    }


def test_shares_must_leave_rows_to_train_on(hundred):
    with pytest.raises(InputError, match=r"got 0\.5, which with data\.dev, 0\.5, leaves no row"):
        splits.load(tsv.Config(**hundred, dev=0.5, test=0.5), 13)
    with pytest.raises(InputError, match=r"data\.test: 0\.\d+ of 5 examples leaves none for test"):
        splits.carve(_rows("abcde"), 0.2, 1, "test")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (conll.Config(train="my.conll"), (0.1, 0.1)),
        (conll.Config(train="train"), ("dev", None)),
        (conll.Config(sample="entities", train="x.y"), ("dev", None)),
        (tagged.Config(train="my.jsonl.gz"), (0.1, 0.1)),
        (tagged.Config(train="folder.of.lines"), ("dev", None)),
        (tagged.Config(train="my.jsonl", test="t.jsonl"), ("dev", "t.jsonl")),
        (parallel.Config(languages=["de", "en"], train="pairs.csv"), (0.1, 0.1)),
        (parallel.Config(languages=["de", "en"], train="news.v2"), ("dev", None)),
    ],
)
def test_only_a_file_is_split_where_splits_have_names(config, expected):
    assert (config.dev, config.test) == expected


def test_several_dev_files_of_running_text_are_no_share(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(f"Text {name}.\n")
    files = {"root": str(tmp_path), "train": "a.txt", "dev": ["b.txt", "c.txt"]}
    loaded = splits.load(corpus.Config(**files), 13)
    assert list(loaded["dev"].sentences()) == ["Text b.", "Text c."]


def test_running_text_is_not_split():
    with pytest.raises(ValidationError, match=r"got 0\.1, but running text .* expected a file"):
        corpus.Config(train="t.txt", dev="d.txt", test=0.1)


# A limit


@settings(max_examples=150, deadline=None)
@given(single | several, st.integers(1, 60), st.integers(0, 5))
def test_a_limit_keeps_every_label_and_the_order(labels, limit, seed):
    rows = _rows(labels)
    if len({label for e in rows for label in e["label"]}) > limit:
        limit = len(rows)  # too few may be refused
    actual = splits.limited(rows, limit, seed)
    assert len(actual) == min(limit, len(rows))
    assert [e for e in rows if e in actual] == actual
    assert {x for e in actual for x in e["label"]} == {x for e in rows for x in e["label"]}
    assert actual == splits.limited(rows, limit, seed)


def test_a_limit_draws_from_grouped_rows_in_their_shares():
    rows = _rows("a" * 300 + "b" * 150 + "c" * 49 + "d")
    actual = splits.limited(rows, 100, 13)
    counts = Counter(e["label"] for e in actual)
    assert counts["d"] == 1
    assert all(abs(counts[label] - n) <= 1 for label, n in {"a": 60, "b": 30, "c": 10}.items())
    assert actual != splits.limited(rows, 100, 14)


def test_a_rare_label_takes_rows_from_no_single_other():
    rows = _rows([*"abcd" * 100, *(f"rare {n}" for n in range(20))])
    counts = Counter(e["label"] for e in splits.limited(rows, 60, 13))
    assert all(5 <= counts[label] <= 15 for label in "abcd")


def test_a_limit_keeps_the_types_of_tags():
    rows = [{"tokens": ["x"], "tags": ["O"]} for _ in range(50)]
    rows[31] = {"tokens": ["x"], "tags": ["B-rare"]}
    assert rows[31] in splits.limited(rows, 5, 1)
    assert rows[31] in splits.carve(rows, 0.5, 1)[0]
    assert rows[31] in splits.carve(rows, 0.5, 2)[0]


def test_the_first_rows_can_be_asked_for():
    rows = _rows("aaaabbbb")
    assert (
        splits.limited(rows, tsv.Config(train="t", dev="d", limit={"first": 3}).limit, 1)
        == (rows[:3])
    )
    assert splits.limited(rows, 8, 1) == splits.limited(rows, None, 1) == rows


def test_a_limit_below_the_labels_is_an_error():
    with pytest.raises(InputError, match=r"data\.limit: got 2, but a row of each of the 3 labels"):
        splits.limited(_rows("aabbcc"), 2, 1)


@pytest.mark.parametrize("limit", [0, "all", {"first": 0}, {"last": 3}])
def test_such_a_limit_is_refused(limit):
    raw = {"task": {"name": "classification"}, "model": {"name": "bilstm"}}
    raw["data"] = {"source": "tsv", "train": "t", "dev": "d", "limit": limit}
    with pytest.raises(ConfigError, match=r"data\.limit"):
        configs.from_dict(raw, "x")
