"""Data sets by name: TensorFlow Datasets and the samples that come with tfapps."""

from pathlib import Path

import numpy as np
import pytest

from tfapps.data import splits
from tfapps.data.sources import _samples, sample, tfds
from tfapps.errors import InputError
from tfapps.presets import network

# --- TensorFlow Datasets


def _builder_class():
    import tensorflow_datasets as tf_datasets

    class TinyReviews(tf_datasets.core.GeneratorBasedBuilder):
        """Two classes and several tags, written into a folder."""

        VERSION = tf_datasets.core.Version("1.0.0")
        source: Path

        def _info(self):
            features = tf_datasets.features
            tags = features.Sequence(features.ClassLabel(names=["red", "blue"]))
            label = features.ClassLabel(names=["bad", "good"])
            number = features.Scalar(np.int64)
            columns = {"text": features.Text(), "label": label, "tags": tags, "n": number}
            return tf_datasets.core.DatasetInfo(
                builder=self, features=features.FeaturesDict(columns)
            )

        def _split_generators(self, manager):
            return {s: self._generate_examples(s) for s in ("train", "validation")}

        def _generate_examples(self, split):
            for number, line in enumerate((self.source / f"{split}.txt").read_text().split()):
                tags = ["red", "blue"][: number % 3]
                label = ["bad", "good"][number % 2]
                yield number, {"text": f"{line} é", "label": label, "tags": tags, "n": number}

    return TinyReviews


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    import tensorflow_datasets as tf_datasets

    folder = tmp_path_factory.mktemp("tfds")
    (folder / "train.txt").write_text(" ".join(f"t{i}" for i in range(20)))
    (folder / "validation.txt").write_text("v0 v1")
    # Unregistered: reading by name has to find the files, not the class.
    with tf_datasets.core.registered.skip_registration():
        builder_class = _builder_class()
    builder_class.source = folder
    builder = builder_class(data_dir=folder / "data")
    builder.download_and_prepare()
    return Path(builder.data_dir)


def test_tfds_by_folder_and_by_name(prepared):
    by_folder = tfds.Config(dataset=str(prepared))
    by_name = tfds.Config(dataset="tiny_reviews", data_dir=str(prepared.parents[1]))
    for config in (by_folder, by_name):
        rows = tfds.read(config, "train")
        assert sorted(e["text"] for e in rows) == sorted(f"t{i} é" for i in range(20))
        for e in rows:
            assert e["label"] == ["bad", "good"][int(e["text"][1:-2]) % 2]
        assert rows == tfds.read(config, "train")
        assert len(tfds.read(config, "dev")) == 2
    limited = tfds.Config(dataset=str(prepared), limit=3)
    assert len(splits.load(limited, 13)["train"]) == 3


def test_tfds_split_strings_and_lists_of_labels(prepared):
    config = tfds.Config(
        dataset=str(prepared), train="train[:90%]", dev="train[90%:]", label="tags"
    )
    train, dev = (tfds.read(config, split) for split in ("train", "dev"))
    assert (len(train), len(dev)) == (18, 2)
    assert {tuple(e["label"]) for e in train} == {(), ("red",), ("red", "blue")}
    number = tfds.read(tfds.Config(dataset=str(prepared), label="n"), "dev")
    assert sorted(e["label"] for e in number) == ["0", "1"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": "trian"}, r"cannot read split 'trian' of .*\(splits: train, validation\)"),
        ({"text": "txt"}, r"no column 'txt'; available: .*did you mean 'text'"),
        ({"text": "n"}, r"train row 0: n is \d+, expected text"),
        ({"dataset": "/nowhere/at/all"}, r"/nowhere/at/all: no prepared data set"),
        (
            {"dataset": "imdb_review"},
            r"unknown data set 'imdb_review'.*did you mean 'imdb_reviews'",
        ),
    ],
)
def test_tfds_errors_are_one_line(prepared, changes, message):
    with pytest.raises(InputError, match=message) as caught:
        tfds.read(tfds.Config(**{"dataset": str(prepared), **changes}), "train")
    assert "\n" not in str(caught.value)


def test_tfds_without_a_network(tmp_path, monkeypatch):
    import tensorflow_datasets as tf_datasets

    def refuse(*_, **__):
        raise ConnectionError("Name or service\nnot known")

    # The host answers when it is tried, and is lost during the download.
    monkeypatch.setattr(network, "unreachable", lambda *_: None)
    monkeypatch.setattr(tf_datasets.core.DatasetBuilder, "download_and_prepare", refuse)
    monkeypatch.setattr(network, "unreachable", lambda urls: None)  # it breaks only later
    config = tfds.Config(dataset="imdb_reviews", data_dir=str(tmp_path))
    with pytest.raises(InputError, match=r"Name or service not known; it needs a network once"):
        tfds.read(config, "train")


# --- samples


@pytest.fixture
def samples(tmp_path, monkeypatch):
    for name in ("pets", "toys"):
        (tmp_path / name).mkdir()
        for split in ("train", "dev"):
            (tmp_path / name / f"{split}.tsv").write_text(f"text\tlabel\n{name} {split}\ta\n")
    (tmp_path / "__pycache__").mkdir()
    monkeypatch.setattr(_samples.resources, "files", lambda package: tmp_path)


@pytest.mark.usefixtures("samples")
def test_sample_splits():
    config = sample.Config(sample="pets", test=None)
    assert _samples.available() == ["pets", "toys"]
    assert sample.read(config, "dev") == [{"text": "pets dev", "label": "a"}]
    with pytest.raises(InputError, match="sample 'pets' has no split 'test'"):
        sample.read(sample.Config(sample="pets"), "test")
    with pytest.raises(InputError, match="unknown sample 'pest': expected one of pets, toys; did"):
        sample.read(sample.Config(sample="pest"), "train")
    with pytest.raises(InputError, match=r"data\.dev: got 0\.5"):
        sample.read(sample.Config(sample="pets", dev=0.5), "dev")


@pytest.mark.parametrize("module", [sample, tfds])
def test_read_file_goes_by_the_ending(tmp_path, module):
    config = module.Config(**{"sample": "x"} if module is sample else {"dataset": "x"})
    contents = {
        "a.tsv": "text\tlabel\nhello, you\tx\n",
        "a.csv": 'text,label\n"hello, you",x\n',
        "a.jsonl": '{"text": "hello, you", "label": "x"}\n',
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
        expected = [{"text": "hello, you", "label": "x"}]
        assert module.read_file(config, tmp_path / name) == expected
    with pytest.raises(InputError, match=r"a\.xlsx: expected a file that ends in"):
        module.read_file(config, tmp_path / "a.xlsx")
