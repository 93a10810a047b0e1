"""The sample data: the very files, whole in the package, split cleanly, as their READMEs count."""

import hashlib
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from tfapps.data import splits
from tfapps.data.sources import _samples, conll, parallel, sample
from tfapps.errors import InputError
from tfapps.text import tags

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tfapps"
FOLDER = PACKAGE / "samples"
SHA256 = {
    "entities/dev.conll": "571839e6177587d67c39b6ab2bae91565f6fe54d544e69e0eaf8a668c5e1cd82",
    "entities/test.conll": "89e7f5f07fcd3a9894a9859c1c07f350c7e85521745cf2b598ef74f8dd909594",
    "entities/train.conll": "9b88d33cea9d6bda3ae75783d09b56ea0adfe9fb0634a8e4df5d5b332edda13f",
    "sentence_pairs/dev.tsv": "8904911986609f60ab1d3b9d43a3a52f0a643d022a81051da7f433b9044b9f3b",
    "sentence_pairs/test.tsv": "b829e62c2637aaac16adbdd9d987e6b8ab9323ec4e634565fffd76e3fc0b0af7",
    "sentence_pairs/train.tsv": "21d0099867c71bfb3f61e99d60c22cd4f8bb15fcaf35b8f0a28f64c1e148e09b",
    "short_documents/dev.txt": "047896a6df761a894bceeeae2eb23c603495c48fee0704347efc7258184dc8f0",
    "short_documents/train.txt": "9404bf5f37684dc9718656ae181b28082726e392068e52bf8a86cae160bc7a42",
    "support_intents/dev.tsv": "99df08357c84e0b23b9724ddf8e168b928e833b3c4d4a551adc4b2d9a5695d7b",
    "support_intents/questions.txt": (
        "8419a143fba6794de659f77c3b8766a1e5084b1a473253e2adb61bbabaaea3f0"
    ),
    "support_intents/test.tsv": "c70f68fdb4af66b9d70efc5a5f0624207677f876d3b4d180e25575e5c5af731e",
    "support_intents/train.tsv": "8f7fbc5921d60f895bf0cee83e5bacf025c88f9334d1fdb5769c228023755692",
}
REQUIRED_INTENTS = {
    "cancel_order",
    "cancel_subscription",
    "double_charge",
    "out_of_scope",
    "payment_failed",
    "refund_status",
    "return_item",
    "track_order",
}
ENTITIES = conll.Config(sample="entities", test="test")
PAIRS = parallel.Config(languages=["de", "en"], sample="sentence_pairs", test="test")


def normal(text):
    """What makes two texts the same: letters and digits, case-folded."""
    return re.sub(r"\W+", "", text.casefold())


def readme(name):
    return (FOLDER / name / "README.md").read_text(encoding="utf-8")


def documents_of(split):
    text = (FOLDER / "short_documents" / f"{split}.txt").read_text(encoding="utf-8")
    return [document.split("\n") for document in text.strip("\n").split("\n\n")]


@pytest.fixture(scope="module")
def intents():
    config = sample.Config(sample="support_intents", test="test")
    return {split: sample.read(config, split) for split in ("train", "dev", "test")}


@pytest.fixture(scope="module")
def entities():
    return {split: conll.read(ENTITIES, split) for split in ("train", "dev", "test")}


# --- the files


def test_the_data_files_are_unchanged():
    endings = (".tsv", ".conll", ".txt")
    files = {
        path.relative_to(FOLDER).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FOLDER.glob("*/*")
        if path.suffix in endings
    }
    assert files == SHA256


def test_the_package_holds_every_file_of_a_sample_and_no_generator():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    packages = 'packages=[*find_namespace_packages(include=["tfapps*"])'
    assert packages in (ROOT / "setup.py").read_text("utf-8")
    globs = settings["package-data"]["tfapps"]
    packed = {path for glob in globs for path in PACKAGE.glob(glob)}
    files = {path for path in FOLDER.glob("*/**/*.*") if "__pycache__" not in path.parts}
    assert len(files) > 100
    assert files - packed == set()
    assert list(FOLDER.rglob("*.py")) == [FOLDER / "__init__.py"]


def test_samples_are_listed_by_the_ending_of_their_files():
    assert _samples.available() == ["sentence_pairs", "support_intents"]
    assert _samples.available(".conll") == ["entities"]
    assert _samples.available(".txt") == ["short_documents"]
    with _samples.file("short_documents", "dev", ".txt") as path:
        assert path.read_bytes() == (FOLDER / "short_documents" / "dev.txt").read_bytes()


@pytest.mark.parametrize(("source", "config"), [(conll, ENTITIES), (parallel, PAIRS)])
def test_an_unknown_split_is_refused(source, config):
    with pytest.raises(InputError, match=f"sample '{config.sample}' has no split 'tset'"):
        source.read(config.model_copy(update={"test": "tset"}), "test")


# --- support_intents


def test_intents_have_the_size_and_shares_of_a_data_set(intents):
    total = sum(map(len, intents.values()))
    assert total >= 5000
    assert 0.66 < len(intents["train"]) / total < 0.74
    for split, rows in intents.items():
        assert f"`{split}.tsv`: {len(rows):,} utterances" in readme("support_intents")


def test_every_intent_is_in_every_split_and_often_enough(intents):
    labels = {split: {row["label"] for row in rows} for split, rows in intents.items()}
    assert labels["train"] == labels["dev"] == labels["test"]
    counts = Counter(row["label"] for rows in intents.values() for row in rows)
    assert len(counts) == 33
    assert set(counts) >= REQUIRED_INTENTS
    assert min(counts.values()) >= 100
    assert counts["out_of_scope"] >= 250
    assert f"{counts['out_of_scope']} utterances are `out_of_scope`" in readme("support_intents")


def test_no_utterance_occurs_twice(intents):
    keys = Counter(normal(row["text"]) for rows in intents.values() for row in rows)
    assert [key for key, times in keys.items() if times > 1] == []


def test_the_questions_are_new_and_the_readme_has_their_answers(intents):
    lines = (FOLDER / "support_intents" / "questions.txt").read_text(encoding="utf-8").splitlines()
    expected = dict(re.findall(r"(?m)^\| (.+?) \| `(\w+)` \|$", readme("support_intents")))
    assert len(lines) == 5
    assert list(expected) == lines
    assert set(expected.values()) <= {row["label"] for row in intents["train"]}
    assert "out_of_scope" in expected.values()
    known = {normal(row["text"]) for rows in intents.values() for row in rows}
    assert not known & {normal(question) for question in lines}


# --- entities


def test_entities_have_the_sizes_that_the_readme_counts(entities):
    names = Counter()
    for split, rows in entities.items():
        labels = [label for row in rows for label, _, _ in tags.spans(row["tags"])]
        names.update(labels)
        documents = len({row["document"] for row in rows})
        counted = f"{len(rows):,} sentences in {documents} documents, {len(labels):,} names"
        assert f"`{split}.conll`: {counted}" in readme("entities")
    for label in ("PER", "LOC", "ORG", "MISC"):
        assert f"| `{label}` | {names[label]:,} |" in readme("entities")


def test_every_tag_of_entities_is_in_train(entities):
    used = {split: {tag for row in rows for tag in row["tags"]} for split, rows in entities.items()}
    assert used["dev"] | used["test"] <= used["train"]


def test_no_sentence_of_entities_is_in_two_splits(entities):
    keys = {
        split: {" ".join(row["tokens"]).casefold() for row in rows if len(row["tokens"]) > 2}
        for split, rows in entities.items()
    }
    assert keys["train"] & keys["dev"] == set()
    assert keys["train"] & keys["test"] == set()
    assert keys["dev"] & keys["test"] == set()
    assert len(keys["dev"]) > 0.95 * len(entities["dev"])


# --- short_documents


def test_documents_have_the_sizes_that_the_readme_counts():
    for split in ("train", "dev"):
        documents = documents_of(split)
        counted = f"{len(documents):,} documents, {sum(map(len, documents)):,} sentences"
        assert f"`{split}.txt`: {counted}" in readme("short_documents")


def test_documents_are_distinct_and_dev_is_new():
    train, dev = documents_of("train"), documents_of("dev")
    texts = Counter("\n".join(document).casefold() for document in (*train, *dev))
    assert [text for text, times in texts.items() if times > 1] == []
    known = {sentence.casefold() for document in train for sentence in document}
    assert [s for document in dev for s in document if s.casefold() in known] == []


# --- sentence_pairs


@pytest.mark.parametrize("languages", [["de", "en"], ["en", "de"]])
def test_pairs_are_read_in_either_direction(languages):
    loaded = splits.load(PAIRS.model_copy(update={"languages": languages}), 13)
    assert {name: len(rows) for name, rows in loaded.items()} == {
        "train": 3000,
        "dev": 300,
        "test": 300,
    }
    for split, rows in loaded.items():
        assert f"`{split}.tsv`: {len(rows):,} pairs" in readme("sentence_pairs")
    lines = (FOLDER / "sentence_pairs" / "dev.tsv").read_text(encoding="utf-8").splitlines()
    row = dict(zip(["de", "en"], lines[1].split("\t"), strict=True))
    assert loaded["dev"][0] == {"text": row[languages[0]], "target": row[languages[1]]}


def test_no_sentence_of_either_language_occurs_twice():
    rows = [row for split in ("train", "dev", "test") for row in parallel.read(PAIRS, split)]
    for side in ("text", "target"):
        keys = Counter(normal(row[side]) for row in rows)
        assert [key for key, times in keys.items() if times > 1] == []


@pytest.mark.parametrize("name", sorted({file.split("/")[0] for file in SHA256}))
def test_the_readme_states_that_a_sample_is_synthetic(name):
    assert "**Synthetic.**" in readme(name)
