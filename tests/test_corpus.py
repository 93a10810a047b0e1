"""Running text: documents of sentences, streamed, stored on disk, batched from there."""

import gzip
import os
import subprocess
import sys

import numpy as np
import pytest
from letters import Lengths, Nothing
from running import ROOT

from tfapps.data import encoding, stored
from tfapps.data.corpora import Corpus
from tfapps.data.pipeline import Batches
from tfapps.data.sources import corpus
from tfapps.data.staged import Stage, Staged
from tfapps.errors import InputError
from tfapps.features.columns import Encoded, Ragged
from tfapps.features.feature import tokens

TEXT = "\ufeffOne a.\nOne b.\n\n\nTwo a.\n  \nThree a.\r\nThree b.\n"
DOCUMENTS = [["One a.", "One b."], ["Two a."], ["Three a.", "Three b."]]


def write(folder, name="text.txt", text=TEXT):
    content = text.encode()
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return name


def read(folder, *names, **more):
    config = corpus.Config(root=str(folder), train=list(names), dev="none.txt", **more)
    return corpus.read(config, "train")


@pytest.mark.parametrize("name", ["text.txt", "text.txt.gz"])
def test_documents_of_a_file(tmp_path, name):
    documents = read(tmp_path, write(tmp_path, name))
    assert list(documents) == DOCUMENTS
    assert list(documents) == DOCUMENTS  # a second time from the start
    assert list(documents.sentences())[:3] == ["One a.", "One b.", "Two a."]


def test_several_files_and_a_limit(tmp_path):
    names = write(tmp_path, "a.txt"), write(tmp_path, "b.txt", "Four.\n")
    assert list(read(tmp_path, *names)) == [*DOCUMENTS, ["Four."]]
    assert list(read(tmp_path, *names, limit=2)) == DOCUMENTS[:2]


def test_the_hash_is_of_the_content(tmp_path):
    first = read(tmp_path, write(tmp_path, "a.txt")).digest
    assert read(tmp_path, write(tmp_path, "b.txt")).digest == first
    assert read(tmp_path, "a.txt", limit=1).digest != first
    assert read(tmp_path, write(tmp_path, "b.txt", TEXT + "More.\n")).digest != first


def test_parts_hold_whole_documents():
    many = [[f"{i}.{j}" for j in range(i % 4 + 1)] for i in range(20)]
    parts = list(Corpus(lambda: iter(many), ["x"]).parts(6))
    assert [document for part in parts for document in part] == many
    sizes = [sum(map(len, part)) for part in parts]
    assert all(6 <= size < 10 for size in sizes[:-1])


REFUSED = [
    (b"", "text.txt: no text, expected a sentence a line"),
    (b"\n \n", "no text, expected a sentence a line"),
    (b"one\ntwo \xff\n", "text.txt:2: byte 0xff is not UTF-8"),
    (b"one\nt\0wo\n", "text.txt:2: NUL byte, expected text"),
]


@pytest.mark.parametrize(("content", "message"), REFUSED)
def test_files_that_are_refused(tmp_path, content, message):
    (tmp_path / "text.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read(tmp_path, "text.txt"))


def test_damaged_gzip_and_missing_file(tmp_path):
    full = gzip.compress(TEXT.encode() * 9)
    (tmp_path / "text.txt.gz").write_bytes(full[: len(full) // 2])
    with pytest.raises(InputError, match="damaged gzip file"):
        list(read(tmp_path, "text.txt.gz"))
    with pytest.raises(InputError, match="no file gone.txt"):
        read(tmp_path, "gone.txt")


def sentences(count):
    return [["x" * (i % 13 + 1), "y" * (i % 7 + 2)] for i in range(count)]


def corpus_of(count=3000):
    return Corpus(lambda: iter(sentences(count)), [str(count)])


def rows_of(encoded):
    column = encoded.columns["token_ids"]
    return [bytes(np.asarray(column[i]).astype(np.uint8)).decode() for i in range(len(encoded))]


def test_columns_on_disk_are_those_in_memory(tmp_path):
    actual = encoding.encode(corpus_of(), Lengths(), Nothing(), 12, tmp_path)
    assert isinstance(actual.columns["token_ids"].values, np.memmap)
    expected = [s[:12] for document in sentences(3000) for s in document]
    assert rows_of(actual) == expected
    assert actual.columns["label"].tolist() == [len(row) for row in expected]
    assert actual.truncated == sum(i % 13 == 12 for i in range(3000))


def test_a_complete_store_is_not_written_again(tmp_path, monkeypatch):
    first = encoding.encode(corpus_of(), Lengths(), Nothing(), 12, tmp_path)
    monkeypatch.setattr(stored, "_write", None)
    again = encoding.encode(corpus_of(), Lengths(), Nothing(), 12, tmp_path)
    assert rows_of(again) == rows_of(first)
    with pytest.raises(TypeError):  # another length, so other columns
        encoding.encode(corpus_of(), Lengths(), Nothing(), 11, tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".columns"]


@pytest.mark.parametrize("damage", ["short", "gone", "told"])
def test_an_incomplete_store_is_written_again(tmp_path, damage):
    full = rows_of(encoding.encode(corpus_of(), Lengths(), Nothing(), 12, tmp_path))
    (folder,) = tmp_path.iterdir()
    values = folder / "0.values"
    if damage == "short":
        values.write_bytes(values.read_bytes()[:100])
    elif damage == "gone":
        values.unlink()
    else:
        (folder / stored.META).write_text("{")
    assert rows_of(encoding.encode(corpus_of(), Lengths(), Nothing(), 12, tmp_path)) == full


def test_without_a_cache_nothing_stays(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    actual = encoding.encode(corpus_of(50), Lengths(), Nothing(), 12, None)
    assert len(rows_of(actual)) == 100
    del actual
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder_is_an_input_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot store the tokens of the corpus .*TFAPPS_CACHE"):
        encoding.encode(corpus_of(5), Lengths(), Nothing(), 12, tmp_path / "file" / "cache")


def test_batches_from_disk_are_those_from_memory(tmp_path):
    on_disk = encoding.encode(corpus_of(200), Lengths(), Nothing(), 12, tmp_path)
    column = on_disk.columns["token_ids"]
    held = Ragged(np.array(column.values), column.offsets)
    memory = Encoded({**on_disk.columns, "token_ids": held}, 0)
    options = {
        "features": tokens("token_ids", "padding_mask"),
        "targets": ("label",),
        "batch_size": 16,
    }
    pairs = zip(
        Batches(on_disk, **options, max_length=12).epoch(1),
        Batches(memory, **options, max_length=12).epoch(1),
        strict=True,
    )
    for one, other in pairs:
        for name in ("token_ids", "padding_mask"):
            np.testing.assert_array_equal(one[0][name], other[0][name])
        np.testing.assert_array_equal(one[1]["label"], other[1]["label"])


def test_changes_differ_by_epoch_and_continue_after_a_break():
    held = Encoded(
        {"token_ids": Ragged.from_rows([np.full(4, i + 1, np.int32) for i in range(9)])}, 0
    )
    seeds = []

    def change(features, targets, seed, part):
        return features, {"seed": seed}

    batches = Batches(
        held, features=tokens("token_ids"), targets=(), batch_size=2, max_length=4, change=change
    )
    for epoch in (0, 1):
        seeds.append([tuple(targets["seed"].numpy()) for _, targets, _ in batches.epoch(epoch)])
    assert len({*seeds[0], *seeds[1]}) == 10
    rest = [tuple(targets["seed"].numpy()) for _, targets, _ in batches.epoch(1, start=3)]
    assert rest == seeds[1][3:]


def lettered(length, count, **options):
    """Batches of rows of one length, each of its own number."""
    rows = [np.full(length, i + 1, np.int32) for i in range(count)]
    held = Encoded({"token_ids": Ragged.from_rows(rows)}, 0)
    inputs = {"features": tokens("token_ids"), "targets": (), "max_length": length}
    return Batches(held, **inputs, **options)


def seen(dataset):
    """Per batch its length and the numbers of its rows."""
    return [(f["token_ids"].shape[1], sorted(f["token_ids"][:, 0].numpy())) for f, _, _ in dataset]


def test_short_rows_come_first_and_every_epoch_of_a_stage_is_its_own():
    short, long = lettered(8, 12, batch_size=3), lettered(16, 6, batch_size=2)
    full = Staged([Stage(short, 6), Stage(long, 4)], epochs=2)
    assert full.steps_per_epoch == 5
    assert full.batch_size == 3
    actual = seen(full.epoch(0)) + seen(full.epoch(1))
    expected = seen(short.epoch(0)) + seen(short.epoch(1))[:2] + seen(long.epoch(0))
    assert actual == [*expected, seen(long.epoch(1))[0]]
    assert full.epoch(0).element_spec == full.epoch(1).element_spec
    assert seen(full.epoch(1, start=2)) == actual[7:]


def test_more_epochs_than_batches():
    with pytest.raises(ValueError, match="batches, expected at least 9, one an epoch"):
        Staged([Stage(lettered(8, 2, batch_size=1), 2)], epochs=9)


READ = """
import resource, sys
from pathlib import Path
from letters import Lengths, Nothing
from tfapps.data import encoding
from tfapps.data.sources import corpus
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
config = corpus.Config(train=sys.argv[1], dev="x")
found = encoding.encode(corpus.read(config, "train"), Lengths(), Nothing(), 200, Path(sys.argv[2]))
assert len(found) == int(sys.argv[3])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_corpus_larger_than_what_is_held(tmp_path):
    """40 MB of text, 160 MB of tokens: the process grows by a small part of it."""
    line = "word " * 39 + "end.\n"
    with (tmp_path / "large.txt").open("w") as file:
        for i in range(200_000):
            file.write(f"{i} {line}" + "\n" * (i % 10 == 0))
    size = (tmp_path / "large.txt").stat().st_size
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / "large.txt"), str(tmp_path), "200000"],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'tests'}:{ROOT}", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout.split()[-1]) * unit < size
