"""Files that describe themselves: what they say, what stays as it was, and the client's answers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from types import SimpleNamespace

import export_models as models
import flatbuffers
import numpy as np
import pytest
import tokenizers
from ai_edge_litert import schema_py_generated as schema
from asking import form_of, same_as_interpreter
from flatbuffers.number_types import UOffsetTFlags
from running import ROOT

from tfapps.backends.litert import interpreter, operators, partitions
from tfapps.config import load as configs
from tfapps.export import litert
from tfapps.export.parts import carried
from tfapps.metrics.probability import sigmoid, softmax
from tfapps.runs.described import describe
from tfapps.serve.predictor import Predictor
from tfapps.tasks.classification import Task
from tfapps.text.tokenizer import Tokenizer

LABELS = ["yes", "no", "can be", "weiß nicht"]
PIECES = [f"piece{i}" for i in range(models.VOCABULARY)]
INPUTS = ("token_ids", "padding_mask", "segment_ids")
RUN = {
    "data": {"source": "sample", "sample": "support_intents"},
    "model": {"name": "bert", "size": "tiny"},
}
READS = {name: {"pad": 0} for name in INPUTS}
CLIENT = os.environ.get("TFAPPS_MEDIAPIPE_PYTHON")


def _exported(build, folder):
    litert.export(["litert_float32"], rebuild=build, max_length=models.LENGTH, folder=folder)
    return folder / "litert" / "float32.tflite"


def _run(labels=LABELS, **more):
    """What is the same in all files of a run."""
    logits = {"labels": list(labels), "activation": "softmax"}
    about = {"task": "classification", "outputs": {"logits": logits}}
    common = {"tokenizer": lambda length, vocabulary: json.dumps([length, vocabulary]).encode()}
    common |= {"files": {}, "pieces": PIECES, "unfit": None, "probabilities": {}}
    return carried.Run(about=about, inputs=READS, **{**common, **more})


@pytest.fixture(scope="module")
def silent(tmp_path_factory):
    """A file that fits, before it is described."""
    return _exported(models.segmented, tmp_path_factory.mktemp("silent"))


@pytest.fixture
def described(silent, tmp_path):
    path = tmp_path / "described.tflite"
    shutil.copy(silent, path)
    assert carried.describe(path, _run()) is None
    return path


def _features(rows):
    columns = models.features(rows, names=("token_ids", "padding_mask"))
    return {**columns, "segment_ids": columns["token_ids"] % 2}


# What the metadata says: a reader of its own, by the field numbers of metadata_schema.fbs 1.5.0


class Table:
    def __init__(self, inner):
        self._inner = inner

    @classmethod
    def root(cls, data):
        start = flatbuffers.encode.Get(UOffsetTFlags.packer_type, data, 0)
        return cls(flatbuffers.table.Table(data, start))

    def _at(self, field):
        return self._inner.Offset(4 + 2 * field)

    def text(self, field):
        return self._inner.String(self._at(field) + self._inner.Pos).decode()

    def number(self, field):
        return self._inner.Bytes[self._at(field) + self._inner.Pos]

    def table(self, field):
        place = self._inner.Indirect(self._at(field) + self._inner.Pos)
        return Table(flatbuffers.table.Table(self._inner.Bytes, place))

    def tables(self, field):
        start, count = self._inner.Vector(self._at(field)), self._inner.VectorLen(self._at(field))
        places = [self._inner.Indirect(start + 4 * i) for i in range(count)]
        return [Table(flatbuffers.table.Table(self._inner.Bytes, place)) for place in places]


def _model(path):
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))


def _metadata(path):
    model = _model(path)
    entry = next(entry for entry in model.metadata if entry.name == b"TFLITE_METADATA")
    data = bytes(model.buffers[entry.buffer].data)
    assert data[4:8] == b"M001"
    return Table.root(data)


def test_the_metadata_names_tensors_tokenizer_and_labels(described):
    root = _metadata(described)
    assert root.text(7) == "1.1.0"
    assert "MediaPipe's TextClassifier opens this file" in root.text(1)
    assert [file.text(0) for file in root.tables(6)] == ["tokenizer.json", "tfapps.json"]
    (graph,) = root.tables(3)
    assert [tensor.text(0) for tensor in graph.tables(2)] == ["ids", "mask", "segment_ids"]
    assert [tensor.text(0) for tensor in graph.tables(3)] == ["scores", "logits"]
    for output in graph.tables(3):
        (labels,) = output.tables(6)
        assert (labels.text(0), labels.number(2)) == ("labels.txt", 2)  # TENSOR_AXIS_LABELS
    (unit,) = graph.tables(5)
    assert unit.number(0) == 4  # BertTokenizerOptions
    (vocabulary,) = unit.table(1).tables(0)
    assert (vocabulary.text(0), vocabulary.number(2)) == ("vocab.txt", 5)  # VOCABULARY


def test_inputs_stand_in_the_order_of_their_metadata(described):
    model = _model(described)
    names = {entry.tensorIndex: entry.name.decode() for entry in model.signatureDefs[0].inputs}
    assert [names[i] for i in model.subgraphs[0].inputs] == list(INPUTS)


def test_vocabulary_and_labels_are_files_in_the_file(described):
    with zipfile.ZipFile(described) as archive:
        names = ["vocab.txt", "labels.txt", "tokenizer.json", "tfapps.json"]
        assert archive.namelist() == names
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.read("vocab.txt").decode() == "\n".join(PIECES) + "\n"
        assert archive.read("labels.txt").decode() == "\n".join(LABELS) + "\n"
        assert json.loads(archive.read("tokenizer.json")) == [models.LENGTH, False]
        about = json.loads(archive.read("tfapps.json"))
    assert about["mediapipe"] is None
    assert about["signature"] == "serving_default"
    assert about["outputs"]["logits"]["labels"] == LABELS
    assert about["outputs"]["scores"] == {"of": "logits"}
    shapes = {each["name"]: (each["dtype"], each["shape"]) for each in about["inputs"]}
    assert shapes == dict.fromkeys(INPUTS, ("int32", [1, models.LENGTH]))


def test_pieces_are_the_vocabulary_file_line_by_line(tmp_path):
    lines = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "twice", "twice", "##s", "é"]
    (tmp_path / "vocab.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    tokenizer = Tokenizer.from_wordpiece(tmp_path / "vocab.txt", lowercase=True)
    # Of a line that stands twice the last counts, as it does for the client.
    assert tokenizer.pieces() == [*lines[:4], "[unused]", *lines[5:]]
    assert tokenizer.lowercase
    assert not Tokenizer.from_wordpiece(tmp_path / "vocab.txt", lowercase=False).lowercase


# What stays as it was


def test_the_runner_gives_the_same_logits(silent, described):
    features = _features(20)
    before, after = form_of(silent), form_of(described)
    assert set(after.features) == set(before.features)
    np.testing.assert_array_equal(after(features), before(features))


def test_the_signature_lists_all_outputs_of_the_graph(described):
    model = _model(described)
    outputs = {entry.name: entry.tensorIndex for entry in model.signatureDefs[0].outputs}
    assert [outputs[b"scores"], outputs[b"logits"]] == list(model.subgraphs[0].outputs)


def test_scores_are_the_softmax_of_the_logits(described):
    features = _features(1)
    session = interpreter(described)
    for name, detail in zip(INPUTS, session.get_input_details(), strict=True):
        session.set_tensor(detail["index"], features[name])
    session.invoke()
    scores, logits = (session.get_tensor(d["index"]) for d in session.get_output_details())
    np.testing.assert_allclose(scores, softmax(logits), atol=1e-6)
    np.testing.assert_array_equal(logits, form_of(described)(features))


def test_the_softmax_costs_no_delegate_partition(silent, described):
    assert partitions(described) == partitions(silent)
    assert operators(described) == [*operators(silent), "SOFTMAX"]


def test_weights_are_aligned_as_the_schema_wants(described):
    model = schema.Model.GetRootAs(described.read_bytes(), 0)
    tables = [model.Buffers(i)._tab for i in range(model.BuffersLength())]
    starts = [table.Vector(table.Offset(4)) for table in tables if table.Offset(4)]
    assert starts
    assert [start % 16 for start in starts] == [0] * len(starts)


def test_equal_models_are_equal_bytes(silent, described, tmp_path):
    again = tmp_path / "again.tflite"
    shutil.copy(silent, again)
    os.utime(again, (0, 0))
    carried.describe(again, _run())
    assert again.read_bytes() == described.read_bytes()


# Files that MediaPipe does not open


def _root(path):
    model = _model(path)
    entry = next(entry for entry in model.metadata if entry.name == b"TFLITE_METADATA")
    return Table.root(bytes(model.buffers[entry.buffer].data))


@pytest.fixture(scope="module")
def unsegmented(tmp_path_factory):
    """A file that MediaPipe does not open, before it is described."""
    return _exported(models.transformer, tmp_path_factory.mktemp("unsegmented"))


def test_a_file_for_bare_litert_says_why_and_is_complete(unsegmented, tmp_path):
    path = shutil.copy(unsegmented, tmp_path / "file.tflite")
    features = models.features(8, names=("token_ids", "padding_mask"))
    before, bare = form_of(path)(features), path.stat().st_size
    reason = carried.describe(path, _run())
    assert reason == (
        "it reads padding_mask, token_ids, and MediaPipe gives token_ids, padding_mask, segment_ids"
    )
    np.testing.assert_array_equal(form_of(path)(features), before)
    root = _root(path)
    assert f"MediaPipe does not open this file: {reason}" in root.text(1)
    assert "Run a file with bare LiteRT" in root.text(1)
    (graph,) = root.tables(3)
    assert [tensor.text(0) for tensor in graph.tables(3)] == ["logits"]
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["labels.txt", "tokenizer.json", "tfapps.json"]
        assert json.loads(archive.read("tokenizer.json")) == [models.LENGTH, True]
        assert json.loads(archive.read("tfapps.json"))["mediapipe"] == reason
    assert path.stat().st_size < bare + 4000


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (LABELS[:3], "its output is no row of one number for each label"),
        ([*LABELS[:3], ""], "a label is empty or has a line break"),
        ([*LABELS[:3], "two\nlines"], "a label is empty or has a line break"),
        ([*LABELS[:3], "x\r"], "a label is empty or has a line break"),
    ],
)
def test_labels_that_mediapipe_would_read_wrong_stay_in_the_description(
    silent, tmp_path, labels, reason
):
    path = tmp_path / "file.tflite"
    shutil.copy(silent, path)
    assert carried.describe(path, _run(labels)).startswith(reason)
    with zipfile.ZipFile(path) as archive:
        assert ("labels.txt" in archive.namelist()) == (labels == LABELS[:3])
        assert json.loads(archive.read("tfapps.json"))["outputs"]["logits"]["labels"] == labels


@pytest.mark.parametrize(
    ("multi_label", "kind", "lowercase", "example", "reason"),
    [
        (False, "wordpiece", True, {"text": "a"}, None),
        (True, "wordpiece", True, {"text": "a"}, "it does not answer with one label"),
        (False, "words", True, {"text": "a"}, "its tokenizer is words"),
        (False, "characters", True, {"text": "a"}, "its tokenizer is characters"),
        (False, "wordpiece", False, {"text": "a"}, "its vocabulary has capitals"),
        (False, "wordpiece", True, {"text": "a", "text_pair": "b"}, "it reads pairs of texts"),
    ],
)
def test_files_say_why_the_client_would_read_texts_wrong(
    silent, tmp_path, multi_label, kind, lowercase, example, reason
):
    (tmp_path / "litert").mkdir()
    path = tmp_path / "litert" / "float32.tflite"
    shutil.copy(silent, path)
    raw = {"task": {"name": "classification", "multi_label": multi_label}, **RUN}
    config = configs.from_dict(raw, "run")
    prepared = SimpleNamespace(
        config=config,
        task=Task(config.task, LABELS),
        tokenizer=Tokenizer.train(["some words"], kind, 50, lowercase, 1),
        examples={"train": [example]},
    )
    describe(prepared, tmp_path)
    with zipfile.ZipFile(path) as archive:
        stated = json.loads(archive.read("tfapps.json"))["mediapipe"]
        assert ("vocab.txt" in archive.namelist()) == (reason is None)
    assert (stated or "").startswith(reason or "")
    assert (stated is None) == (reason is None)


# Probabilities


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_probabilities_are_a_further_output(unsegmented, tmp_path, activation):
    path = shutil.copy(unsegmented, tmp_path / "file.tflite")
    features = models.features(8, names=("token_ids", "padding_mask"))
    before = form_of(path)(features)
    carried.describe(path, _run(probabilities={"logits": activation}))
    form = form_of(path)
    outputs = form.run("serving_default", features)
    function = {"softmax": softmax, "sigmoid": sigmoid}[activation]
    np.testing.assert_array_equal(outputs["logits"], before)
    np.testing.assert_allclose(outputs["probabilities"], function(before), atol=1e-6)
    with zipfile.ZipFile(path) as archive:
        stated = json.loads(archive.read("tfapps.json"))["outputs"]["probabilities"]
    assert stated == {"of": "logits"}


def test_probabilities_of_a_file_for_mediapipe_are_its_scores(silent, tmp_path):
    path = tmp_path / "file.tflite"
    shutil.copy(silent, path)
    assert carried.describe(path, _run(probabilities={"logits": "softmax"})) is None
    assert len(_model(path).subgraphs[0].outputs) == 2
    features = _features(8)
    outputs = form_of(path).run("serving_default", features)
    assert outputs.keys() == {"logits", "probabilities"}
    np.testing.assert_allclose(outputs["probabilities"], softmax(outputs["logits"]), atol=1e-6)
    same_as_interpreter(path)  # `CompiledModel` opens it: no tensor has two names
    with zipfile.ZipFile(path) as archive:
        stated = json.loads(archive.read("tfapps.json"))["outputs"]
    assert stated == {"logits": stated["logits"], "probabilities": {"of": "logits"}}
    (graph,) = _metadata(path).tables(3)
    assert [tensor.text(0) for tensor in graph.tables(3)] == ["scores", "logits"]


# The client itself

LOOP = """
import json, sys
answers = []
for text in json.load(sys.stdin):
    heads = classifier.classify(plain(text, strip_accents=False)).classifications
    assert [head.head_name for head in heads] == ["scores", "logits"]
    best = heads[0].categories[0]
    answers.append([best.category_name, best.score])
print(json.dumps(answers))
"""
ODD = ["Où est ma pièce?", "ÄPFEL", "an\u00a0apple", "a pe\x07ar\u200b", "[SEP]", "梨 apple"]
ODD += ["Ou\u0300", "นี่ ครับ", "İstanbul", "J\u030cx", "हिन्दी", "가 각"]


def _shown():
    """The Python program of the guide."""
    guide = (ROOT / "docs" / "how_to" / "android.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", guide, re.DOTALL)[0]


@pytest.mark.parametrize("strip_accents", [True, False])
def test_plain_text_of_the_guide_has_our_ids_without_a_normaliser(strip_accents):
    """The client lowercases A to Z, then splits into pieces; the guide does the rest."""
    ours = Tokenizer.train([*ODD, "an apple"], "wordpiece", 300, True, 1, strip_accents)
    client = tokenizers.Tokenizer.from_str(ours.content().decode())
    client.normalizer = tokenizers.normalizers.BertNormalizer(
        clean_text=False, handle_chinese_chars=True, strip_accents=False, lowercase=False
    )
    names = {}
    exec(_shown().partition("classifier =")[0].replace("from mediapipe", "# "), names)
    for text in ODD:
        plain = names["plain"](text, strip_accents=strip_accents)
        assert client.encode(plain).ids == ours.encode([text]).token_ids[0].tolist(), text


@pytest.mark.skipif(CLIENT is None, reason="TFAPPS_MEDIAPIPE_PYTHON names no Python with mediapipe")
@pytest.mark.parametrize("kind", ["float32", "dynamic", "int8"])
def test_mediapipe_answers_as_the_predictor_does(workplace, kind):
    bundle = workplace / "saved_models" / "tiny"
    questions = ROOT / "tfapps" / "samples" / "support_intents" / "questions.txt"
    rows = (workplace / "dev.tsv").read_text(encoding="utf-8").splitlines()[1:]
    texts = [row.split("\t")[0] for row in rows]
    texts += [*questions.read_text(encoding="utf-8").splitlines(), "apple " * 40, *ODD]
    script = _shown().replace("dynamic.tflite", f"{kind}.tflite") + LOOP
    done = subprocess.run(
        [CLIENT, "-c", script],
        cwd=bundle / "litert",
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = Predictor.open(bundle, f"litert_{kind}")(texts)
    answers = json.loads(done.stdout.splitlines()[-1])
    assert [label for label, _ in answers] == [answer["label"] for answer in expected]
    scores = [answer["score"] for answer in expected]
    np.testing.assert_allclose([score for _, score in answers], scores, atol=1e-3)
