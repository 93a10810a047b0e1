"""Parallel text: sides that belong together are read, and whatever is out of step is refused."""

import gzip
import os
from pathlib import Path

import pytest

from tfapps.config import load as configs
from tfapps.data import splits
from tfapps.data.sources import parallel
from tfapps.errors import ConfigError, InputError

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("TFAPPS_DATA", ROOT.parent / "shared" / "data"))
DE = ["Guten Morgen!", "Der Hund\u2028schläft.", "Ja."]
EN = ["Good morning!", "The dog\u2028sleeps.", "Yes."]
PAIRS = [{"text": a, "target": b} for a, b in zip(DE, EN, strict=True)]


def settings(folder, **changes):
    return parallel.Config(**{"languages": ["de", "en"], "root": str(folder), **changes})


def write(folder, name="train", de=DE, en=EN, end="\n"):
    for language, lines in (("de", de), ("en", en)):
        if lines is not None:
            text = "".join(line + end for line in lines)
            (folder / f"{name}.{language}").write_bytes(text.encode())


# --- files side by side


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_prefix_means_two_files(tmp_path, end):
    write(tmp_path, end=end)
    assert parallel.read(settings(tmp_path), "train") == PAIRS
    turned = settings(tmp_path, languages=["en", "de"])
    assert parallel.read(turned, "train")[0] == {"text": EN[0], "target": DE[0]}


def test_the_last_line_needs_no_end(tmp_path):
    (tmp_path / "train.de").write_text("\ufeffeins\nzwei", "utf-8")
    (tmp_path / "train.en").write_text("one\ntwo\n", "utf-8")
    pairs = parallel.read(settings(tmp_path), "train")
    assert [pair["text"] for pair in pairs] == ["eins", "zwei"]


@pytest.mark.parametrize("packed", [("de",), ("en",), ("de", "en")])
def test_each_side_may_be_packed(tmp_path, packed):
    write(tmp_path)
    for language in packed:
        path = tmp_path / f"train.{language}"
        (tmp_path / f"train.{language}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert parallel.read(settings(tmp_path), "train") == PAIRS


def test_splits_and_limit(tmp_path):
    write(tmp_path)
    write(tmp_path, "val", DE[:2], EN[:2])
    loaded = splits.load(settings(tmp_path, dev="val", test="val", limit=1), 13)
    assert {name: len(rows) for name, rows in loaded.items()} == {"train": 1, "dev": 2, "test": 2}


def test_a_dev_set_is_carved_out_of_pairs(tmp_path):
    write(tmp_path, de=[f"de {i}" for i in range(10)], en=[f"en {i}" for i in range(10)])
    loaded = splits.load(settings(tmp_path, dev=0.3), 13)
    assert {name: len(rows) for name, rows in loaded.items()} == {"train": 7, "dev": 3}
    for pair in loaded["train"] + loaded["dev"]:
        assert pair["text"][3:] == pair["target"][3:]
    assert loaded == splits.load(settings(tmp_path, dev=0.3), 13)
    assert loaded != splits.load(settings(tmp_path, dev=0.3), 14)


def test_sources_alone_are_enough_to_predict(tmp_path):
    write(tmp_path, "new", en=None)
    alone = [{"text": line, "target": None} for line in DE]
    for labelled in (True, False):
        assert parallel.read_file(settings(tmp_path), tmp_path / "new", labelled) == alone
    write(tmp_path, "both", en=["too few lines"])
    assert parallel.read_file(settings(tmp_path), tmp_path / "both", labelled=False) == alone


def test_files_of_the_user_are_looked_up_here_first(tmp_path, monkeypatch):
    for folder in ("root", "here"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, "val", [folder], [folder])
    monkeypatch.chdir(tmp_path / "here")
    assert parallel.read_file(settings(tmp_path / "root"), "val")[0]["target"] == "here"
    assert parallel.read(settings(tmp_path / "root", dev="val"), "dev")[0]["target"] == "root"


# --- tables


def test_a_table_has_a_column_for_each_language(tmp_path):
    rows = (f"{b}\t{i}\t{a}\n" for i, (a, b) in enumerate(zip(DE, EN, strict=True)))
    table = "en\tid\tde\n" + "".join(rows)
    (tmp_path / "t.tsv").write_text(table, "utf-8")
    (tmp_path / "t.tsv.gz").write_bytes(gzip.compress(table.encode()))
    for name in ("t.tsv", "t.tsv.gz"):
        assert parallel.read(settings(tmp_path, train=name), "train") == PAIRS
        assert parallel.read_file(settings(tmp_path), tmp_path / name) == PAIRS
    (tmp_path / "de.tsv").write_text("de\nJa.\n", "utf-8")
    unlabelled = parallel.read_file(settings(tmp_path), tmp_path / "de.tsv", labelled=False)
    assert unlabelled == [{"text": "Ja.", "target": None}]


# --- filters


def test_filters_report_what_they_drop(tmp_path, capsys):
    de = ["a", "a b", "a b c d e", "a b", "a b c"]
    en = ["a b", "a b", "a b c d", "a b c d", "a b c"]
    write(tmp_path, de=de, en=en)
    chosen = settings(tmp_path, min_words=2, max_words=4, max_ratio=1.5)
    assert [pair["text"] for pair in parallel.read(chosen, "train")] == ["a b", "a b c"]
    assert capsys.readouterr().out == (
        "train: 3 of 5 pairs dropped (1 shorter than 2 words, 1 longer than 4 words, "
        "1 of a ratio over 1.5)\n"
    )


def test_filters_leave_other_splits_and_good_pairs_alone(tmp_path, capsys):
    write(tmp_path)
    write(tmp_path, "dev")
    assert len(parallel.read(settings(tmp_path, max_words=1), "dev")) == 3
    assert len(parallel.read_file(settings(tmp_path, max_words=1), tmp_path / "dev")) == 3
    assert len(parallel.read(settings(tmp_path, max_words=3, max_ratio=1), "train")) == 3
    assert capsys.readouterr().out == ""


def test_the_limit_counts_what_the_filters_leave(tmp_path):
    write(tmp_path)
    write(tmp_path, "val", DE[:1], EN[:1])
    config = settings(tmp_path, dev="val", min_words=2, limit={"first": 2})
    assert splits.load(config, 13)["train"] == PAIRS[:2]


def test_filters_that_leave_nothing(tmp_path):
    write(tmp_path, de=["a b", "c d", "e f g h"], en=["a b", "c d", "e f g"])
    message = (
        r"data\.train: 3 of 3 pairs dropped \(2 shorter than 3 words, 1 longer than 3 words\); "
        r"expected at least one to be left: loosen min_words, max_words or max_ratio"
    )
    with pytest.raises(InputError, match=message):
        parallel.read(settings(tmp_path, min_words=3, max_words=3), "train")


# --- what is refused


def test_sides_of_different_length(tmp_path):
    write(tmp_path, en=EN[:2])
    with pytest.raises(InputError) as caught:
        parallel.read(settings(tmp_path), "train")
    assert str(caught.value) == (
        f"{tmp_path}/train.de has 3 lines, {tmp_path}/train.en 2; expected as many, line by line "
        f"the same sentence"
    )


@pytest.mark.parametrize(
    ("de", "en", "where"),
    [(["a", "", "c"], ["a", "b", "c"], "train.de:2"), (["a", "b"], ["a", " \u00a0"], "train.en:2")],
)
def test_an_empty_line(tmp_path, de, en, where):
    write(tmp_path, de=de, en=en)
    with pytest.raises(InputError, match=rf"{where}: empty line; fill it, or drop it on both"):
        parallel.read(settings(tmp_path), "train")


def test_a_missing_side(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"no file train\.de: looked at .*train\.de\.gz"):
        parallel.read(settings(tmp_path), "train")
    write(tmp_path, en=None)
    message = r"data\.train: train\.de has no train\.en beside it, .* both \(\.gz or \.zst"
    with pytest.raises(InputError, match=message):
        parallel.read(settings(tmp_path), "train")


@pytest.mark.parametrize("name", ["x/val.de", "x/val.en.gz"])
def test_a_side_instead_of_a_prefix(tmp_path, name):
    with pytest.raises(InputError, match="one side of the pairs, expected x/val for both sides"):
        parallel.read_file(settings(tmp_path), name)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("de\tenn\na\tb\n", r"t\.tsv: no column 'en'; available: de, enn; did you mean 'enn'\?"),
        ("de\ten\na\tb\n\t\n", r"t\.tsv:3: empty de; fill it or drop the row"),
        ("de\ten\na\tb\nc\t \n", r"t\.tsv:3: empty en; fill it or drop the row"),
        ("de\ten\na\n", r"t\.tsv:2: 1 field, expected 2 \(de, en\)"),
    ],
)
def test_a_table_out_of_order(tmp_path, table, message):
    (tmp_path / "t.tsv").write_text(table, "utf-8")
    with pytest.raises(InputError, match=message):
        parallel.read(settings(tmp_path, train="t.tsv"), "train")


def test_a_split_without_a_name(tmp_path):
    with pytest.raises(InputError, match=r"data\.dev: got 0\.5, expected a file prefix, or"):
        parallel.read(settings(tmp_path, dev=0.5), "dev")
    with pytest.raises(InputError, match=r"data\.test: got None, expected the name of a split"):
        parallel.read(settings(tmp_path, sample="x"), "test")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        *(
            ({"languages": inputs}, f"data.languages: got {inputs}, expected two different names")
            for inputs in (["de", "de"], ["de"], ["de", "en", "fr"], ["de", ""])
        ),
        ({}, "data.languages: missing; expected list of str"),
        ({"languages": ["de", "en"], "max_words": 0}, "data.max_words: got 0 (int), expected int"),
        (
            {"languages": ["de", "en"], "max_ratio": 0.5},
            "data.max_ratio: got 0.5 (float)",
        ),
        (
            {"languages": ["de", "en"], "dataset": "x", "sample": "y"},
            "data: got both dataset 'x' and sample 'y', expected one",
        ),
    ],
)
def test_a_config_that_cannot_be_right(data, problem):
    raw = {"task": {"name": "classification"}, "model": {"name": "bilstm"}}
    with pytest.raises(ConfigError) as caught:
        configs.from_dict({**raw, "data": {"source": "parallel", **data}}, "run")
    assert [line for line in caught.value.problems if line.startswith(problem)]


# --- TensorFlow Datasets


def _builder_class():
    import tensorflow_datasets as tf_datasets

    class TinyTranslate(tf_datasets.core.GeneratorBasedBuilder):
        """Pairs of sentences, one of them without its translation."""

        VERSION = tf_datasets.core.Version("1.0.0")

        def _info(self):
            features = tf_datasets.features.Translation(languages=("de", "en"))
            return tf_datasets.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, manager):
            return {"train": self._generate_examples(10), "validation": self._generate_examples(2)}

        def _generate_examples(self, rows):
            for number in range(rows):
                english = "" if number == 3 else f"sentence {number}"
                yield number, {"de": f"Satz Nummer {number} ü", "en": english}

    return TinyTranslate


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    import tensorflow_datasets as tf_datasets

    # Unregistered: reading by name has to find the files, not the class.
    with tf_datasets.core.registered.skip_registration():
        builder_class = _builder_class()
    builder = builder_class(data_dir=tmp_path_factory.mktemp("tfds"))
    builder.download_and_prepare()
    return Path(builder.data_dir)


def stored(dataset, **changes):
    return parallel.Config(languages=["de", "en"], dataset=str(dataset), **changes)


def test_a_translation_set_by_folder_and_by_name(prepared, capsys):
    by_name = stored("tiny_translate", data_dir=str(prepared.parents[1]), dev="validation")
    for chosen in (stored(prepared, dev="validation"), by_name):
        pairs = parallel.read(chosen, "train")
        output = capsys.readouterr().out
        assert output.endswith("train: 1 of 10 pairs dropped (1 with an empty side)\n")
        assert len(pairs) == 9
        for pair in pairs:
            number = pair["target"].removeprefix("sentence ")
            assert pair["text"] == f"Satz Nummer {number} ü"
        assert pairs == parallel.read(chosen, "train")
        assert len(parallel.read(chosen, "dev")) == 2


def test_splits_of_a_translation_set_are_filtered_too(prepared):
    chosen = stored(prepared, train="train[:50%]", dev="train[50%:]", max_words=3)
    with pytest.raises(InputError, match=r"data\.train: 5 of 5 pairs dropped \(.*longer than 3 w"):
        parallel.read(chosen, "train")
    assert 4 <= len(parallel.read(chosen, "dev")) <= 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"languages": ["de", "fr"]}, r"data set .*: no column 'fr'; available: de, en"),
        ({"train": "trian"}, r"cannot read split 'trian' of .*\(splits: train, validation\)"),
        ({"dataset": "wmt14_translat"}, r"unknown data set .*did you mean 'wmt14_translate'"),
        ({"dataset": "/nowhere"}, r"/nowhere: no prepared data set"),
    ],
)
def test_errors_of_a_translation_set_are_one_line(prepared, changes, message):
    chosen = {"languages": ["de", "en"], "dataset": str(prepared), **changes}
    with pytest.raises(InputError, match=message) as caught:
        parallel.read(parallel.Config(**chosen), "train")
    assert "\n" not in str(caught.value)


# --- published counts


def test_multi30k():
    if not (DATA / "multi30k" / "val.de").is_file():
        pytest.skip(f"needs {DATA / 'multi30k'}: set TFAPPS_DATA to the data folder")
    chosen = settings(
        DATA, train="multi30k/train", dev="multi30k/val", test="multi30k/test_2016_flickr"
    )
    loaded = splits.load(chosen, 13)
    sizes = {name: len(rows) for name, rows in loaded.items()}
    assert sizes == {"train": 29000, "dev": 1014, "test": 1000}
    assert loaded["dev"][0] == {
        "text": "Eine Gruppe von Männern lädt Baumwolle auf einen Lastwagen",
        "target": "A group of men are loading cotton onto a truck",
    }
