"""Sentences of tagged words: CoNLL columns, JSON lines, folders of parallel lines."""

import gzip
import json
from collections import Counter

import pytest

from tfapps.config.load import ConfigError, from_dict
from tfapps.data.sources import conll, corpus, tagged
from tfapps.errors import InputError
from tfapps.text import tags

COLUMNS = """-DOCSTART- -X- -X- O

EU NNP B-NP I-ORG
rejects VBZ B-VP O
German JJ B-NP I-MISC

Peter NNP B-NP I-PER

-DOCSTART- -X- -X- O

BRUSSELS NNP B-NP I-LOC
"""


def read(folder, content, name="data.conll", **config):
    path = folder / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return conll.read_file(conll.Config(**config), path)


@pytest.mark.parametrize("name", ["data.conll", "data.txt.gz"])
def test_columns_become_sentences_of_documents(tmp_path, name):
    assert read(tmp_path, COLUMNS, name) == [
        {"tokens": ["EU", "rejects", "German"], "tags": ["B-ORG", "O", "B-MISC"], "document": 1},
        {"tokens": ["Peter"], "tags": ["B-PER"], "document": 1},
        {"tokens": ["BRUSSELS"], "tags": ["B-LOC"], "document": 2},
    ]


def test_other_columns(tmp_path):
    examples = read(tmp_path, "1\tB-X\tone\n2\tO\ttwo\n", token=2, tag=1)
    assert examples == [{"tokens": ["one", "two"], "tags": ["B-X", "O"], "document": 0}]


def test_a_wide_blank_is_a_word(tmp_path):
    """Chinese text holds blanks that Unicode calls white space, as characters of their own."""
    (sentence,) = read(tmp_path, "今 O\n\u3000 O\n海 B-ORG\n")
    assert sentence["tokens"] == ["今", "\u3000", "海"]


def test_misplaced_inside_tags_are_counted(tmp_path, capsys):
    content = "a B-X\nb I-X\n\na B-X\n\na O\nb I-Y\n"
    assert [s["tags"] for s in read(tmp_path, content)][-1] == ["O", "B-Y"]
    assert "1 sentences with an I- that continues nothing, read as B-" in capsys.readouterr().out


def test_bioes_is_converted(tmp_path):
    (sentence,) = read(tmp_path, "a B-X\nb E-X\nc S-Y\n")
    assert sentence["tags"] == ["B-X", "I-X", "B-Y"]


REFUSED = [
    ("a O\nb\n", {}, r"data.conll:2: 1 columns, expected 2 as in line 1 \(a word and its tags"),
    ("a O\nb x y O\n", {}, r"data.conll:2: 4 columns, expected 2"),
    ("word\n", {}, r"data.conll:1: 1 column\(s\), so data.token and data.tag are the same one"),
    ("a b O\n", {"tag": 3}, r"data.conll:1: 3 columns, but data.tag is 3; expected -3 to 2"),
    ("a O\nb PER\nc B-PER\n", {}, r"data.conll:2: tag 'PER', expected O, or B-"),
    ("a S-X\nb B-X\nc O\n", {}, r"data.conll:3: tag 'O' after a X that has no end \(E-X\)"),
    ("-DOCSTART- O\n\n", {}, "data.conll: no sentences, expected a word and its tag a line"),
    ("", {}, "data.conll: the file is empty"),
]


@pytest.mark.parametrize(("content", "config", "message"), REFUSED)
def test_columns_that_are_refused(tmp_path, content, config, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, content, **config)


def test_a_missing_file_and_a_split_that_is_none(tmp_path):
    config = conll.Config(root=str(tmp_path), train="x.conll", dev=0.1)
    with pytest.raises(InputError, match="no file x.conll: looked at"):
        conll.read(config, "train")
    with pytest.raises(InputError, match="data.dev: got 0.1, expected a file to read"):
        conll.read(config, "dev")


def test_one_column_for_both_is_refused():
    raw = {"task": {"name": "tagging"}, "model": {"name": "bilstm"}}
    raw["data"] = {"source": "conll", "train": "a", "dev": "b", "token": 0, "tag": 0}
    with pytest.raises(ConfigError, match="token and tag are both column 0; expected two columns"):
        from_dict(raw, "x")


def jsonl(folder, *rows, **config):
    path = folder / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tagged.read_file(tagged.Config(**config), path)


def test_json_lines(tmp_path):
    row = {"tokens": ["a", "b"], "tags": ["O", "B-X"], "about": "trade"}
    assert jsonl(tmp_path, row) == [{"tokens": ["a", "b"], "tags": ["O", "B-X"]}]
    assert jsonl(tmp_path, row, label="about")[0]["label"] == "trade"
    renamed = {"words": ["a"], "ner": ["S-X"]}
    assert jsonl(tmp_path, renamed, tokens="words", tags="ner")[0]["tags"] == ["B-X"]


JSON_REFUSED = [
    ({"tokens": ["a"]}, "data.jsonl:1: no key 'tags'; available: tokens"),
    ({"tokens": "a b", "tags": ["O"]}, 'data.jsonl:1: tokens is "a b", expected a list of texts'),
    ({"tokens": ["a"], "tags": [1]}, r"data.jsonl:1: tags is \[1\], expected a list of texts"),
    ({"tokens": ["a", "b"], "tags": ["O"]}, "data.jsonl:1: 2 tokens and 1 tags; expected one tag"),
    ({"tokens": ["a", " "], "tags": ["O", "O"]}, "data.jsonl:1: word 1 is empty"),
    ({"tokens": [], "tags": []}, "data.jsonl:1: no words"),
    ({"tokens": ["a", "b"], "tags": ["X", "B-X"]}, "data.jsonl:1: tag 'X', expected O"),
]


@pytest.mark.parametrize(("row", "message"), JSON_REFUSED)
def test_json_lines_that_are_refused(tmp_path, row, message):
    with pytest.raises(InputError, match=message):
        jsonl(tmp_path, row)


def parallel(folder, **files):
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content)
    return str(folder)


def test_parallel_lines(tmp_path):
    folder = parallel(
        tmp_path, seq_in="to rome\ngo\n", seq_out="O B-city\nO\n", label="fly\nmove\n"
    )
    assert tagged.read(tagged.Config(train=folder, label="label"), "train") == [
        {"tokens": ["to", "rome"], "tags": ["O", "B-city"], "label": "fly"},
        {"tokens": ["go"], "tags": ["O"], "label": "move"},
    ]
    assert "label" not in tagged.read(tagged.Config(train=folder), "train")[0]


def test_parallel_lines_that_do_not_fit(tmp_path):
    folder = parallel(tmp_path, seq_in="a b\nc\n", seq_out="O O\n")
    with pytest.raises(InputError, match=r"seq.in has 2 lines, .*seq.out 1; expected as many"):
        tagged.read(tagged.Config(train=folder), "train")
    parallel(tmp_path, seq_out="O O\nO O\n")
    with pytest.raises(InputError, match=r"seq.in:2: 1 tokens and 2 tags; expected one tag a word"):
        tagged.read(tagged.Config(train=folder), "train")
    with pytest.raises(InputError, match="seq.in has no label beside it"):
        tagged.read(tagged.Config(train=folder, label="label"), "train")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A data set of TFDS as its ConllDatasetBuilder makes them, and running text beside it."""
    import tensorflow_datasets as tf_datasets

    folder = tmp_path_factory.mktemp("tfds")
    with tf_datasets.core.registered.skip_registration():

        class TinyNews(tf_datasets.core.GeneratorBasedBuilder):
            """Words, their tags by number, and a text of two lines."""

            VERSION = tf_datasets.core.Version("1.0.0")

            def _info(self):
                features = tf_datasets.features
                names = ["O", "B-PER", "I-PER"]
                columns = {
                    "tokens": features.Sequence(features.Text()),
                    "ner": features.Sequence(features.ClassLabel(names=names)),
                    "text": features.Text(),
                }
                return tf_datasets.core.DatasetInfo(
                    builder=self, features=features.FeaturesDict(columns)
                )

            def _split_generators(self, manager):
                return {name: self._generate_examples() for name in ("train", "dev")}

            def _generate_examples(self):
                for number in range(3):
                    tokens, ner = ["Ann", "Lee", "ran"], ["B-PER", "I-PER", "O"]
                    yield number, {"tokens": tokens, "ner": ner, "text": f"One {number}.\n\nTwo."}

    builder = TinyNews(data_dir=folder)
    builder.download_and_prepare()
    return str(builder.data_dir)


def test_a_data_set_by_its_folder(stored):
    examples = tagged.read(tagged.Config(dataset=stored, tags="ner"), "train")
    assert examples == [{"tokens": ["Ann", "Lee", "ran"], "tags": ["B-PER", "I-PER", "O"]}] * 3
    with pytest.raises(InputError, match="no column 'tags'; available: ner, text, tokens"):
        tagged.read(tagged.Config(dataset=stored), "train")


def test_text_of_a_data_set_is_streamed(stored):
    config = corpus.Config(dataset=stored, train=["train", "dev"], dev="dev", limit=4)
    examples = corpus.read(config, "train")
    assert list(examples) == [[f"One {i}.", "Two."] for i in (0, 1, 2, 0)]
    assert len(list(corpus.read(config, "dev"))) == 3
    assert examples.digest != corpus.read(config, "dev").digest


def test_published_counts(real_data):
    root = str(real_data)
    config = conll.Config(root=root, train="conll2003/eng.train.gz", dev="conll2003/eng.testa")
    train, dev = conll.read(config, "train"), conll.read(config, "dev")
    assert (len(train), train[-1]["document"], len(dev), dev[-1]["document"]) == (
        *(14041, 946),
        *(3250, 216),
    )
    actual = Counter(span.label for example in train for span in tags.spans(example["tags"]))
    assert actual == {"LOC": 7140, "PER": 6600, "ORG": 6321, "MISC": 3438}
    atis = tagged.Config(root=root, train="atis/train", label="label")
    assert len(tagged.read(atis, "train")) == 4478
