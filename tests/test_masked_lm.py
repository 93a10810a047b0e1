"""Pre-training: rows out of running text, the loss of hidden tokens, gaps filled, a preset made."""

import hashlib
import json

import keras
import numpy as np
import pytest
import yaml
from running import tfapps

from tfapps.assembly.assemble import assemble
from tfapps.bundle.bundle import Bundle
from tfapps.config import load as configs
from tfapps.config.load import ConfigError
from tfapps.data.corpora import Corpus
from tfapps.errors import InputError
from tfapps.stages.train import train
from tfapps.tasks.masked_lm import Config, Task
from tfapps.text.tokenizer import Tokenizer

TEXT = [
    ["The cat sleeps on the mat.", "It dreams of a mouse.", "Then it wakes up."],
    ["The dog runs in the park.", "It sees a cat.", "Then it barks.", "The cat is gone."],
    ["A mouse eats the cheese.", "The cat comes.", "The mouse is gone."],
]


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train([s for d in TEXT for s in d], "wordpiece", 90, True, 1)


def task(tokenizer, **options):
    built = Task(Config(**options))
    built.set_tokenizer(tokenizer, None, None)
    return built


def words(tokenizer, ids):
    pieces = tokenizer.pieces()
    return " ".join(pieces[i] for i in ids).replace(" ##", "")


def test_rows_are_the_documents(tokenizer):
    columns, lost = task(tokenizer).encode(TEXT, tokenizer, 16)
    assert lost == 0
    rows = [words(tokenizer, ids) for ids in columns["token_ids"]]
    assert all(row.startswith("[CLS] ") and row.endswith(" [SEP]") for row in rows)
    inside = " ".join(row.removeprefix("[CLS] ").removesuffix(" [SEP]") for row in rows)
    everything = " ".join(s for d in TEXT for s in d).lower().replace(".", " .")
    assert inside == everything
    assert columns["pieces"].tolist() == [len(ids) for ids in columns["token_ids"]]
    assert "label" not in columns


@pytest.mark.parametrize("pairs", ["next", "order"])
def test_pairs_have_two_segments_and_a_label(tokenizer, pairs):
    columns, _ = task(tokenizer, pairs=pairs).encode(TEXT, tokenizer, 24)
    assert set(columns["label"]) <= {0, 1}
    rows = zip(columns["token_ids"], columns["segment_ids"], columns["label"], strict=True)
    for ids, segments, label in rows:
        assert len(ids) <= 24
        assert np.diff(segments).min() >= 0
        assert segments[-1] == 1
        first = words(tokenizer, ids[segments == 0]).removeprefix("[CLS] ").removesuffix(" [SEP]")
        second = words(tokenizer, ids[segments == 1]).removesuffix(" [SEP]")
        documents = [" ".join(d).lower().replace(".", " .") for d in TEXT]
        together = f"{first} {second}" if label or pairs == "next" else f"{second} {first}"
        assert any(together in document for document in documents) == bool(
            label or pairs == "order"
        )
    again, _ = task(tokenizer, pairs=pairs).encode(TEXT, tokenizer, 24)
    assert [a.tolist() for a in again["token_ids"]] == [a.tolist() for a in columns["token_ids"]]


def test_loss_is_that_of_the_whole_vocabulary_at_hidden_places(tokenizer):
    """Against logits of all places, straight from the table, of which only hidden ones count."""
    run = configs.from_dict(
        {
            "task": {"name": "masked_lm"},
            "data": {"source": "corpus", "sample": "short_documents"},
            "model": {
                "name": "bert",
                "size": "tiny",
                "layers": 1,
                "max_length": 12,
                "dropout": 0.0,
            },
        },
        "x",
    )
    one = task(tokenizer)
    keras.utils.set_random_seed(1)
    model = assemble(run, one, vocabulary_size=tokenizer.vocabulary_size)
    ids = np.random.default_rng(0).integers(5, tokenizer.vocabulary_size, (3, 12))
    places = np.array([[1, 4], [2, 0], [7, 3]])
    truth = np.array([[9, 11], [6, 0], [8, 10]])  # the second row hides but one
    inputs = {"token_ids": ids, "padding_mask": np.ones_like(ids), "segment_ids": 0 * ids}
    actual = one.loss({"masked_ids": truth}, model({**inputs, "masked_places": places}))
    every = {**inputs, "masked_places": np.tile(np.arange(12), (3, 1))}
    logits = np.asarray(model(every), np.float64)
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = []
    for row in range(3):
        right = [log_probs[row, p, t] for p, t in zip(places[row], truth[row], strict=True) if t]
        expected.append(-np.mean(right))
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
    table = np.asarray(model.get_layer("embeddings").token)
    assert logits.shape[-1] == len(table)
    states = keras.Model(model.input, model.get_layer("head_norm").output)(every)
    bias = np.asarray(model.get_layer("head_bias").bias)
    np.testing.assert_allclose(logits, np.asarray(states) @ table.T + bias, atol=1e-4)


def test_figures_are_those_of_the_reduced_outputs(tokenizer):
    outputs = {
        "truth": np.array([[5, 6], [7, 0]]),
        "best": np.array([[5, 9], [7, 3]]),
        "log_prob": np.log(np.array([[0.5, 0.25], [0.5, 0.001]])),
        "label": np.array([1, 0]),
        "said": np.array([1, 1]),
    }
    figures = task(tokenizer, pairs="next").predict_metrics(outputs, {}, ())
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["perplexity"] == pytest.approx((2 * 4 * 2) ** (1 / 3))
    assert figures["pair_accuracy"] == 0.5


def test_reduced_outputs_match_a_computation_by_hand(tokenizer):
    logits = np.random.default_rng(1).normal(size=(2, 3, 7)).astype("float32")
    truth = np.array([[1, 6, 0], [2, 0, 0]])
    actual = task(tokenizer).reduce({"masked_ids": truth}, logits)
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    np.testing.assert_array_equal(actual["best"], logits.argmax(-1))
    expected = np.take_along_axis(log_probs, truth[..., None], -1)[..., 0]
    np.testing.assert_allclose(actual["log_prob"], expected, rtol=1e-5)


def test_gaps_stand_where_the_text_has_them(tokenizer):
    one = task(tokenizer, top_k=2)
    texts = ["the [MASK] runs", "[MASK]", "no gap", "a [MASK][MASK] ."]
    columns, cut = one.encode([{"text": text} for text in texts], tokenizer, 12)
    assert cut == 0
    assert [len(places) for places in columns["masked_places"]] == [1, 1, 0, 2]
    for ids, places in zip(columns["token_ids"], columns["masked_places"], strict=True):
        assert (ids[places] == tokenizer.mask_id).all()
    logits = np.zeros((4, 2, tokenizer.vocabulary_size), np.float32)
    logits[:, :, tokenizer.vocabulary["cat"]] = 5.0
    answers = one.decode(logits, [{"text": text} for text in texts])
    assert [answer["filled"] for answer in answers] == [
        "the cat runs",
        "cat",
        "no gap",
        "a catcat .",
    ]
    assert [len(answer["gaps"]) for answer in answers] == [1, 1, 0, 2]
    assert answers[0]["gaps"][0][0][0] == "cat"
    assert len(answers[0]["gaps"][0]) == 2


def test_a_typed_special_stays_text(tokenizer):
    (ids,) = task(tokenizer).encode([["the [MASK] runs"]], tokenizer, 12)[0]["token_ids"]
    assert tokenizer.mask_id not in ids


def test_short_first_needs_running_text_and_a_shorter_length():
    raw = {"task": {"name": "masked_lm"}, "data": {"source": "corpus"}}
    raw |= {"model": {"name": "bert", "size": "tiny", "max_length": 32}}
    configs.from_dict({**raw, "train": {"short_first": 16}}, "x")
    with pytest.raises(ConfigError, match="short_first: got 32, expected less than model.max_len"):
        configs.from_dict({**raw, "train": {"short_first": 32}}, "x")
    raw |= {"task": {"name": "classification"}, "data": {"source": "sample", "sample": "x"}}
    with pytest.raises(ConfigError, match="short_first: got 16, but classification learns from"):
        configs.from_dict({**raw, "train": {"short_first": 16}}, "x")


def test_refusals(tokenizer):
    with pytest.raises(InputError, match="masked_lm needs running text, got rows; use data.source"):
        Task.learn(Config(), [{"text": "a"}])
    characters = Tokenizer.train(["abc"], "characters", 20, True, 1)
    with pytest.raises(InputError, match=r"characters has no \[MASK\]; masked_lm needs wordpiece"):
        task(characters)
    with pytest.raises(
        InputError, match="masked_lm hides words, but the model reads their case_ids"
    ):
        task(tokenizer.looking_at("case_ids"))
    raw = {"task": {"name": "masked_lm"}, "model": {"name": "bilstm_cnn"}}
    with pytest.raises(ConfigError, match="the letters of a hidden word would reveal it"):
        configs.from_dict({**raw, "data": {"source": "corpus"}}, "x")
    raw |= {"model": {"name": "bert", "size": "tiny"}, "compress": [{"name": "qat"}]}
    with pytest.raises(
        ConfigError, match="leave it out for masked_lm: compress the runs that use it as"
    ):
        configs.from_dict({**raw, "data": {"source": "corpus"}}, "x")


PRETRAIN = """
task: {name: masked_lm, pairs: next}
data: {source: corpus, train: text.txt, dev: text.txt}
model: {name: bert, size: tiny, layers: 1, max_length: 20}
text: {vocabulary_size: 80, min_frequency: 1}
train: {epochs: 1, batch_size: 8, learning_rate: 4.0e-3, short_first: 12, short_share: 0.75}
export: [saved_model, litert_float32, litert_int8]
"""
COPIES = 20  # of the documents, so that a model learns something
AFTER = """
task: {name: classification}
data: {source: tsv, train: rows.tsv, dev: rows.tsv}
model: {name: bert, preset: saved_models/before, max_length: 16}
train: {epochs: 1, batch_size: 8, learning_rate: 1.0e-9}
export: []
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder where `before` was pre-trained and `after` made of it."""
    folder = tmp_path_factory.mktemp("pretraining")
    text = "\n\n".join("\n".join(document) for document in TEXT * COPIES)
    (folder / "text.txt").write_text(text)
    rows = [f"{s}\t{'ab'[i % 2]}" for i, d in enumerate(TEXT * 2) for s in d]
    (folder / "rows.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n")
    (folder / "before.yaml").write_text(PRETRAIN)
    (folder / "after.yaml").write_text(AFTER)
    for name in ("before", "after"):
        done = tfapps("run", f"{name}.yaml", cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_tensorboard_can_show_the_vectors(place):
    from safetensors.numpy import load_file
    from tensorboard.plugins.projector import projector_plugin

    bundle = place / "saved_models" / "before"
    vectors = projector_plugin._read_tensor_tsv_file(str(bundle / "logs" / "vectors.tsv"))
    table = load_file(bundle / "weights.safetensors")["embeddings/token"]
    np.testing.assert_allclose(vectors, table, rtol=1e-3, atol=1e-6)
    names = (bundle / "logs" / "names.tsv").read_text().splitlines()
    assert names == Tokenizer.load(bundle / "text").pieces()
    config = projector_plugin.ProjectorConfig()
    from google.protobuf import text_format

    text_format.Parse((bundle / "logs" / "projector_config.pbtxt").read_text(), config)
    assert list(config.embeddings[0].tensor_shape) == list(table.shape)


@pytest.mark.parametrize("name", ["classification", "tagging", "translation"])
def test_running_text_is_refused_by_other_tasks(place, name):
    model = "seq2seq_lstm" if name == "translation" else "bilstm"
    task = f"task: {{name: {name}}}\nmodel: {{name: {model}}}\n"
    (place / "wrong.yaml").write_text(
        task + "data: {source: corpus, train: text.txt, dev: text.txt}"
    )
    done = tfapps("train", "wrong.yaml", cwd=place)
    assert done.returncode == 2
    assert f"which is running text, but {name} needs rows" in done.stderr


def test_files_match_the_keras_model(place):
    proof = json.loads((place / "saved_models" / "before" / "verify.json").read_text())
    for name in ("saved_model", "litert_float32"):
        assert proof[name]["agreement"] == 1.0
        assert proof[name]["max_logit_difference"] < 1e-4
        assert proof[name]["metric"] == proof["keras"]["metric"]


@pytest.mark.parametrize("artifact", ["keras", "litert_float32"])
def test_predict_fills_a_gap(place, artifact):
    done = tfapps("predict", "before", "The [MASK] runs.", "--artifact", artifact, cwd=place)
    (answer,) = map(json.loads, done.stdout.splitlines())
    ((best, *_),) = answer["gaps"]
    assert answer["filled"] == f"The {best[0]} runs."


def test_artefacts_are_judged_alike_on_a_file(place):
    reports = []
    for artifact in ("keras", "litert_float32"):
        inputs = ("evaluate", "before", "--data", "text.txt", "--json", "--artifact", artifact)
        done = tfapps(*inputs, cwd=place)
        assert done.returncode == 0, done.stderr
        reports.append(json.loads(done.stdout.splitlines()[-1])["metrics"])
    assert reports[0]["perplexity"] == pytest.approx(reports[1]["perplexity"], rel=1e-4)
    assert set(reports[0]) == {"accuracy", "perplexity", "pair_accuracy"}


def test_a_run_with_a_pretrained_preset_starts_from_its_weights(place):
    from safetensors.numpy import load_file

    before, after = (
        load_file(place / "saved_models" / name / "weights.safetensors")
        for name in ("before", "after")
    )
    shared = [path for path in after if path.startswith(("embeddings", "block_"))]
    assert len(shared) > 12
    for path in shared:
        np.testing.assert_allclose(after[path], before[path], atol=1e-6)
    texts = [place / "saved_models" / name / "text/tokenizer.json" for name in ("before", "after")]
    assert texts[0].read_bytes() == texts[1].read_bytes()


def read_on(place, monkeypatch, name, preset):
    """Metrics and weights of a pre-training run that changes next to nothing of its preset."""
    from safetensors.numpy import load_file

    monkeypatch.chdir(place)
    raw = yaml.safe_load(PRETRAIN)
    model = {"name": "bert", "preset": f"saved_models/{preset}", "max_length": 20}
    run = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-9}
    parts = {"name": name, "model": model, "text": {}, "train": run, "export": []}
    bundle = train(configs.from_dict({**raw, **parts}, name))
    return bundle.metrics["dev"]["keras"], load_file(bundle.weights)


def test_further_pretraining_starts_from_the_learned_head(place, monkeypatch):
    before = Bundle.open(place / "saved_models" / "before").metrics["dev"]["keras"]
    after, _ = read_on(place, monkeypatch, "goes_on", "before")
    assert after == pytest.approx(before, rel=1e-4)


def test_a_preset_without_the_head_starts_from_piece_frequencies(place, monkeypatch):
    from safetensors.numpy import load_file

    _, weights = read_on(place, monkeypatch, "anew", "after")
    tokenizer = Tokenizer.load(place / "saved_models" / "anew" / "text")
    sentences = [s for d in TEXT * COPIES for s in d]
    counts = np.bincount(
        np.concatenate(tokenizer.ids(sentences)), minlength=tokenizer.vocabulary_size
    )
    logs = np.log(counts + 1)
    np.testing.assert_allclose(weights["head_bias/bias"], logs - logs.mean(), atol=1e-5)
    same = load_file(place / "saved_models" / "after" / "weights.safetensors")["embeddings/token"]
    np.testing.assert_allclose(weights["embeddings/token"], same, atol=1e-6)


def test_another_pretraining_changes_the_fingerprint(place, monkeypatch):
    """The preset's name says nothing about its weights."""
    from tfapps.bundle import identity
    from tfapps.runs.fingerprints import fingerprint

    run = configs.load(place / "after.yaml")
    monkeypatch.chdir(place)
    rows = {"train": [{"text": "a", "label": "b"}]}
    first = fingerprint(run, rows)
    assert fingerprint(run, rows) == first
    monkeypatch.setattr(identity, "of_weights", lambda name: f"another {name}")
    assert fingerprint(run, rows) != first
    monkeypatch.undo()
    pretrained = place / "saved_models" / "before"
    digest = hashlib.sha256((pretrained / "weights.safetensors").read_bytes()).hexdigest()
    assert identity.of_weights(str(pretrained)) == digest
    assert identity.of_weights("minilm_l6") == ""


def test_a_corpus_is_streamed_into_a_vocabulary():
    read = []

    def documents():
        for document in TEXT:
            read.append(document)
            yield document

    texts = Task(Config()).texts(Corpus(documents, ["x"]))
    assert next(iter(texts)) == TEXT[0][0]
    assert len(read) == 1
