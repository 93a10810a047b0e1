"""Results that are kept depend on what the files and runs hold that a config names."""

import hashlib
import importlib.metadata
import json
import os
from pathlib import Path
from typing import get_args

import pytest

from tfapps import registry
from tfapps.bundle.bundle import writing
from tfapps.config import load as configs
from tfapps.data import encoding
from tfapps.runs import contents
from tfapps.runs.contents import compression_key
from tfapps.runs.fingerprints import fingerprint

# Fields with text that name no file: a new one has to be put here, or be marked with `reads`.
PLAIN = {"name", "source", "exclude", "include", "keep_float", "distill_layers", "targets"}
PLAIN |= {"pattern", "verbalizer", "variants", "split", "encoding", "delimiter"}
# What they name are the rows, which are hashed as they were read.
ROWS = {"train", "dev", "test", "root", "dataset", "data_dir", "sample"}
COLUMNS = {"text", "text_pair", "label", "label_separator", "languages", "tokens", "tags"}
CLASSIFY = {
    "task": {"name": "classification"},
    "data": {"source": "tsv", "train": "train.tsv", "dev": "dev.tsv"},
    "model": {"name": "bilstm"},
}


def holds_text(annotation):
    return annotation in (str, Path) or any(map(holds_text, get_args(annotation)))


def text_fields():
    for kind in registry.KINDS:
        for name in registry.names(kind):
            section = getattr(registry.load(kind, name), "Config", None)
            for key, field in section.model_fields.items() if section else ():
                if holds_text(field.annotation):
                    yield kind, name, key, field


def test_every_field_that_may_name_a_file_is_marked():
    for kind, name, key, field in text_fields():
        marks = contents.marks(field)
        plain = PLAIN | (ROWS | COLUMNS if kind == "source" else set())
        assert bool(marks) != (key in plain), (
            f"{kind} {name}: {key} is {'marked' if marks else 'not marked'} as a file that is read"
        )


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFAPPS_DATA", str(tmp_path))
    return tmp_path


def write(path, word):
    path.parent.mkdir(exist_ok=True)
    size = path.stat() if path.exists() else None
    path.write_text(word)
    if size:  # a clock that is too coarse must not hide a change
        os.utime(path, ns=(size.st_atime_ns, size.st_mtime_ns + 10**9))


def finished(path, word):
    with writing(path) as draft:
        (draft.path / "weights.safetensors").write_text(word)


TINY_BERT = {"name": "bert", "size": "tiny"}
HEAD = {"name": "classification", "head_start": "descriptions", "descriptions": "named"}
NAMED = {
    "vectors": ({"model": {"name": "bilstm_cnn", "vectors": "named"}}, write),
    "preset": ({"model": {"name": "bert", "preset": "named"}}, finished),
    "teacher": ({"objective": {"name": "distill", "teacher": "named"}}, finished),
    "unlabelled": ({"objective": {"name": "vat", "unlabelled": "named"}}, write),
    "descriptions": ({"task": HEAD, "model": TINY_BERT}, write),
}


def test_every_marked_field_is_tested():
    assert {key for *_, key, field in text_fields() if contents.marks(field)} == {*NAMED, "words"}


@pytest.mark.parametrize("key", NAMED)
def test_the_fingerprint_depends_on_the_content_of_files(place, key):
    sections, fill = NAMED[key]
    run = configs.from_dict(CLASSIFY | sections, "x")
    fill(place / "named", "one")
    first = fingerprint(run, {})
    assert fingerprint(run, {}) == first
    fill(place / "named", "two")
    assert fingerprint(run, {}) != first


@pytest.mark.parametrize("file", ["config.json", "vocab.txt", "model.safetensors"])
def test_the_fingerprint_depends_on_a_local_folder_of_weights(place, file):
    run = configs.from_dict(CLASSIFY | {"model": {"name": "bert", "preset": "folder"}}, "x")
    for name in ("config.json", "vocab.txt", "model.safetensors", "README.md"):
        write(place / "folder" / name, "one")
    first = fingerprint(run, {})
    write(place / "folder/README.md", "two")
    assert fingerprint(run, {}) == first
    write(place / "folder" / file, "two")
    assert fingerprint(run, {}) != first


def test_the_key_of_a_compression_depends_on_its_word_list(place):
    items = [{"name": "prune", "sparsity": 0.5}, {"name": "trim_vocabulary", "words": "words.txt"}]
    run = configs.from_dict(CLASSIFY | {"compress": items[::-1]}, "x")
    write(place / "words.txt", "one")
    first, trained = compression_key(run), fingerprint(run, {})
    write(place / "words.txt", "two")
    assert compression_key(run) != first
    assert fingerprint(run, {}) == trained


def test_keys_without_named_files_are_stable(place):
    run = configs.from_dict(
        CLASSIFY | {"compress": [{"name": "prune", "sparsity": 0.5}], "name": "x"}, "x"
    )
    items = [item.model_dump(mode="json") for item in run.compress]
    assert compression_key(run) == hashlib.sha256(json.dumps(items).encode()).hexdigest()
    settings = run.model_copy(update={"name": "", "compress": [], "export": []})
    expected = hashlib.sha256((configs.dump(settings) + "null" * 3).encode()).hexdigest()
    assert fingerprint(run, {}) == expected


# The cache of encoded data


def test_the_key_of_the_cache_depends_on_all_code_that_makes_ids():
    package = Path(encoding.__file__).parent.parent
    code = encoding._code(package / "tasks")
    for name in ("tasks/_windows.py", "tasks/_packing.py", "text/tokenizer.py", "data/encoding.py"):
        assert (package / name).read_bytes() in code


def test_the_key_of_the_cache_depends_on_the_libraries(monkeypatch):
    versions = encoding._versions()
    assert importlib.metadata.version("tokenizers") in versions
    monkeypatch.setattr(encoding, "_versions", lambda: ("0.0.1",))
    monkeypatch.setattr(encoding, "_code", lambda folder: ())
    tokenizer = type("T", (), {"content": lambda self: b"", "surface": ()})()
    task = registry.load("task", "classification").Task(
        registry.load("task", "classification").Config(), ["a", "b"]
    )
    first = encoding._key([], task, tokenizer, 8)
    monkeypatch.setattr(encoding, "_versions", lambda: ("0.0.2",))
    assert encoding._key([], task, tokenizer, 8) != first
    monkeypatch.setattr(encoding, "_versions", lambda: ("0.0.1",))
    assert encoding._key([], task, tokenizer, 8) == first
    monkeypatch.setattr(encoding, "_code", lambda folder: (b"another helper",))
    assert encoding._key([], task, tokenizer, 8) != first
