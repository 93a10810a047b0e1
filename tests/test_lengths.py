"""Files of several lengths: short texts have short graphs, the weights are there once."""

import export_models as models
import keras
import numpy as np
import pytest
from asking import form_of, same_as_interpreter, signatures
from keras import ops
from running import TINY, at, tfapps

from tfapps.backends.litert import LiteRT, interpreter
from tfapps.config import load as configs
from tfapps.config.load import ConfigError
from tfapps.export import litert
from tfapps.models import bilstm
from tfapps.runs.prepared import prepare
from tfapps.stages.run import run

LENGTH, SHORTER = models.LENGTH, (4, 8)


def tagger(batch_size=None, length=None):
    """Logits of every token, of what it and the mean of all say."""
    keras.utils.set_random_seed(3)
    names = ("token_ids", "padding_mask")
    inputs = {
        n: keras.Input((length,), batch_size=batch_size, dtype="int32", name=n) for n in names
    }
    x = keras.layers.Embedding(models.VOCABULARY, 8, name="tokens")(inputs["token_ids"])
    mask = ops.expand_dims(ops.cast(inputs["padding_mask"], "float32"), -1)
    mean = ops.sum(x * mask, axis=1, keepdims=True) / ops.sum(mask, axis=1, keepdims=True)
    return keras.Model(inputs, keras.layers.Dense(models.CLASSES, name="logits")(x + mean))


def recurrent(batch_size=None, length=None):
    """The project's own BiLSTM with a head."""
    keras.utils.set_random_seed(3)
    settings = bilstm.Config(max_length=LENGTH, embedding_size=8, units=6)
    sizes = {"batch_size": batch_size, "length": length}
    encoder = bilstm.build(settings, vocabulary_size=models.VOCABULARY, **sizes)
    head = keras.layers.Dense(models.CLASSES, name="head")
    return keras.Model(encoder.input, head(encoder.output["pooled"]))


BUILDERS = {"transformer": models.transformer, "recurrent": recurrent, "tagger": tagger}


def export(build, folder, names=("litert_float32",), lengths=SHORTER):
    litert.export(names, rebuild=build, max_length=LENGTH, lengths=lengths, folder=folder)
    return folder / "litert"


def rows():
    """Rows of every number of tokens."""
    random, counts = np.random.default_rng(0), np.arange(1, LENGTH + 1)
    mask = (np.arange(LENGTH) < counts[:, None]).astype(np.int32)
    return {
        "token_ids": mask * random.integers(1, models.VOCABULARY, mask.shape, dtype=np.int32),
        "padding_mask": mask,
    }


@pytest.mark.parametrize("name", BUILDERS)
def test_answers_are_those_of_the_model_whatever_the_length(tmp_path, name):
    build = BUILDERS[name]
    runner = form_of(export(build, tmp_path) / "float32.tflite")
    features = rows()
    actual, expected = runner(features), np.asarray(build()(features))
    assert actual.shape == expected.shape
    if name == "tagger":
        real = features["padding_mask"] > 0
        actual, expected = actual[real], expected[real]
    np.testing.assert_allclose(actual, expected, atol=2e-5)


def test_a_row_takes_the_least_length_that_holds_it(tmp_path, monkeypatch):
    runner = form_of(export(models.transformer, tmp_path) / "float32.tflite")
    taken = []
    call = LiteRT.call

    def noted(backend, signature, row):
        taken.append((signature, {column.shape for column in row.values()}))
        return call(backend, signature, row)

    monkeypatch.setattr(LiteRT, "call", noted)
    runner(rows())
    least = [min(n for n in (*SHORTER, LENGTH) if n >= count) for count in range(1, LENGTH + 1)]
    names = {LENGTH: "serving_default", **{length: f"short_{length}" for length in SHORTER}}
    assert taken == [(names[length], {(1, length)}) for length in least]


def test_weights_are_there_once_and_the_first_graph_is_the_longest(tmp_path):
    def wide(batch_size=None, length=None):
        return models.transformer(batch_size, length, width=320)

    names = litert.OF_LENGTHS
    one = export(wide, tmp_path / "one", names, lengths=())
    several = export(wide, tmp_path / "several", names)
    for name in names:
        file = f"{name.removeprefix('litert_')}.tflite"
        assert signatures(several / file) == ["serving_default", "short_4", "short_8"]
        assert (several / file).stat().st_size < 1.25 * (one / file).stat().st_size
        first = interpreter(several / file).get_input_details()
        assert {tuple(detail["shape"]) for detail in first} == {(1, LENGTH)}
        same_as_interpreter(several / file)
        outputs = [form_of(folder / file)(rows()) for folder in (one, several)]
        assert (outputs[0].argmax(-1) == outputs[1].argmax(-1)).mean() >= 0.9
        if name != "litert_dynamic":  # which rounds what it computes by the largest of it
            np.testing.assert_allclose(*outputs, atol=2e-5)


def test_files_with_ranges_keep_one_length(tmp_path):
    batches = [models.features(16, seed=3)]
    names, common = ["litert_int8", "litert_float32"], {"max_length": LENGTH, "lengths": SHORTER}
    litert.export(names, rebuild=models.transformer, calibration=batches, folder=tmp_path, **common)
    assert signatures(tmp_path / "litert/int8.tflite") == ["serving_default"]
    assert len(signatures(tmp_path / "litert/float32.tflite")) == 3


def test_a_run_has_files_of_its_lengths(tmp_path):
    with at(tmp_path, 64):
        (tmp_path / "tiny.yaml").write_text(TINY)
        quick = ["model.layers=1", "train.epochs=1", "export=[litert_float32]"]
        settings = configs.load("tiny.yaml", [*quick, "lengths=[8,12]", "probabilities=true"])
        bundle = run(settings)
        weights = bundle.weights.stat().st_mtime_ns
        file = bundle.artifact("litert_float32")
        assert signatures(file) == ["serving_default", "short_12", "short_8"]
        assert bundle.proof["litert_float32"]["probability_difference"] < 1e-6  # of all lengths
        assert bundle.metrics["dev"]["litert_float32"] == bundle.metrics["dev"]["keras"]
        result = tfapps("predict", "tiny", "the saw", "a " * 30, cwd=tmp_path)
        assert len(result.stdout.splitlines()) == 2
        again = run(configs.load("tiny.yaml", quick))
        assert signatures(again.artifact("litert_float32")) == ["serving_default"]
        assert "probability_difference" not in again.proof["litert_float32"]
        assert again.weights.stat().st_mtime_ns == weights  # nothing was trained again


def test_lengths_change_no_fingerprint(tmp_path):
    with at(tmp_path, 64):
        (tmp_path / "tiny.yaml").write_text(TINY)
        plain, with_lengths = configs.load("tiny.yaml"), configs.load("tiny.yaml", ["lengths=[8]"])
        assert "lengths" not in configs.dump(plain)
        (tmp_path / "again.yaml").write_text(configs.dump(with_lengths))
        assert configs.load("again.yaml") == with_lengths
        assert prepare(plain).fingerprint == prepare(with_lengths).fingerprint


@pytest.mark.parametrize(
    ("lengths", "problem"),
    [
        ("[16]", "lengths: got 16, expected less than model.max_length, 16"),
        ("[8, 8]", "lengths: 8 given twice; once is enough"),
        ("[1]", r"lengths\[0\]: got 1 \(int\), expected an integer of at least 2"),
        ("[true]", r"lengths\[0\]: got True \(bool\), expected an integer"),
        ("8", r"lengths: got 8 \(int\), expected a list"),
    ],
)
def test_wrong_lengths_are_refused(tmp_path, lengths, problem):
    (tmp_path / "tiny.yaml").write_text(f"{TINY}lengths: {lengths}\n")
    with pytest.raises(ConfigError, match=problem):
        configs.load(tmp_path / "tiny.yaml")


@pytest.mark.parametrize("name", ["translation_lstm_sample", "pretrain_bert_tiny_sample"])
def test_tasks_whose_files_have_one_length_refuse_lengths(name):
    with pytest.raises(ConfigError, match="lengths: .* files have one length; leave it out"):
        configs.load(f"configs/{name}.yaml", ["lengths=[8]"])


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("translation_lstm_sample", []),
        ("ner_bert_sample", ["task.crf=true"]),
        ("intents_bert_sample", ["task={name: regression}"]),
    ],
)
def test_tasks_without_probabilities_refuse_them(name, more):
    expected = r"probabilities: got true, but no output of \w+ with these settings is a logit"
    with pytest.raises(ConfigError, match=expected):
        configs.load(f"configs/{name}.yaml", [*more, "probabilities=true"])
    with pytest.raises(ConfigError, match="probabilities: got 1 .int., expected bool"):
        configs.load(f"configs/{name}.yaml", ["probabilities=1"])
