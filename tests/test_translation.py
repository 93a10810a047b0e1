"""Translation: what goes in, what is learned, and that every file says the same."""

import json
import re

import keras
import numpy as np
import pytest
from running import tfapps

from tfapps.config import load as configs
from tfapps.decoding.beam import Hypothesis
from tfapps.errors import ConfigError, InputError
from tfapps.metrics.cross_entropy import sequence_cross_entropy
from tfapps.tasks.translation import Config, Task
from tfapps.text.tokenizer import Tokenizer

THINGS = {"Haus": "house", "Buch": "book", "Kind": "child", "Pferd": "horse", "Boot": "boat"}
KINDS = {"rot": "red", "alt": "old", "neu": "new", "groß": "tall", "klein": "small", "gut": "good"}
PAIRS = [
    {"text": f"Das {thing} ist {kind}.", "target": f"The {THINGS[thing]} is {KINDS[kind]}."}
    for thing in THINGS
    for kind in KINDS
]
RUN = """
task: {name: translation, beam: 3}
data: {source: parallel, languages: [de, en], train: train, dev: dev}
text: {vocabulary_size: 70, min_frequency: 1}
model: {name: seq2seq_lstm, max_length: 16, embedding_size: 64, units: 64, dropout: 0.0}
train: {epochs: 3, batch_size: 8, learning_rate: 6.0e-3, average: 2}
export: [saved_model, litert_float32, litert_dynamic, litert_greedy]
"""


def learned(**options):
    task = Task.learn(Config(**options), PAIRS)
    tokenizer = Tokenizer.train(task.texts(PAIRS), "bpe", 70, None, 1)
    task.set_tokenizer(
        tokenizer, PAIRS, lambda size, texts: Tokenizer.train(texts, "bpe", size, None, 1)
    )
    return task, tokenizer


def test_a_pair_becomes_source_decoder_input_and_labels():
    task, tokenizer = learned()
    columns, truncated = task.encode(PAIRS[:3], tokenizer, 30)
    assert truncated == 0
    for row in range(3):
        source, inputs, expected = (
            columns[n][row] for n in ("token_ids", "target_ids", "label_ids")
        )
        assert (source[-1], inputs[0], expected[-1]) == (3, 2, 3)
        np.testing.assert_array_equal(inputs[1:], expected[:-1])
        assert tokenizer.decode(source) == PAIRS[row]["text"]
        assert tokenizer.decode(expected) == PAIRS[row]["target"]
        assert columns["pieces"][row] == len(expected)


def test_long_sentences_are_cut_and_counted_with_their_ends_kept():
    task, tokenizer = learned()
    columns, truncated = task.encode(PAIRS[:3], tokenizer, 5)
    assert truncated == 6
    assert all(len(ids) == 5 for name in ("token_ids", "label_ids") for ids in columns[name])
    assert all(ids[-1] == tokenizer.end_id for ids in columns["token_ids"])


def test_the_target_may_have_a_vocabulary_of_its_own(tmp_path):
    task, tokenizer = learned(target_vocabulary_size=32)
    assert task.texts(PAIRS) == [pair["text"] for pair in PAIRS]
    assert task.target_vocabulary_size == task.target_tokenizer.vocabulary_size == 32
    tokenizer.save(tmp_path)
    task.save(tmp_path)
    again = Task.load(task.config, tmp_path)
    columns, _ = task.encode(PAIRS[:1], tokenizer, 30)
    assert again.target_tokenizer.decode(columns["label_ids"][0]) == PAIRS[0]["target"]
    assert learned()[0].target_vocabulary_size is None


def test_text_in_another_script_is_an_input_error():
    task, tokenizer = learned()
    with pytest.raises(InputError, match=r"80% of the pieces .* are unknown .*'Собака"):
        task.encode([{"text": "Собака спит на диване.", "target": None}], tokenizer, 30)


def test_single_texts_are_no_pairs():
    with pytest.raises(InputError, match="needs pairs of sentences, got single texts; use data"):
        Task.learn(Config(), [{"text": "a", "label": "b"}])


def test_unknown_pieces_are_copied_from_where_attention_was():
    task, tokenizer = learned()
    text = "Das Kind Фёдор ist gut."
    words = tokenizer.words(text)
    place = next(i for i, word in enumerate(words) if "Ф" in word)
    unknown = tokenizer.unknown_id
    ids = np.array([*tokenizer.encode(["The child"]).token_ids[0], unknown], np.int32)
    attention = np.zeros((len(ids), len(words) + 1), np.float32)
    attention[:, 0] = 1.0
    attention[-1] = np.eye(len(words) + 1)[place]
    answer = [[Hypothesis(ids, -1.0, attention)]]
    (answer_row,) = task.decode(answer, [{"text": text}])
    assert "Фёдор" in answer_row["translation"]
    plain, _ = learned(copy_unknown=False)
    assert "Фёдор" not in plain.decode(answer, [{"text": text}])[0]["translation"]


def test_n_best_returns_all_of_the_best():
    task, tokenizer = learned(n_best=2, beam=3)
    ids = tokenizer.encode(["The child", "The house"]).token_ids
    outputs = [[Hypothesis(ids[0], -0.5), Hypothesis(ids[1], -0.75)]]
    (decoded,) = task.decode(outputs, PAIRS[:1])
    assert decoded == {
        "translation": "The child",
        "score": -0.5,
        "n_best": [["The child", -0.5], ["The house", -0.75]],
    }


def test_sequence_loss_is_the_mean_over_real_tokens():
    random = np.random.default_rng(0)
    logits = random.normal(size=(2, 3, 5)).astype("float32")
    label = np.array([[4, 2, 1], [3, 0, 0]])
    log_probs = np.asarray(keras.ops.log_softmax(logits))
    rows = [
        [0.9 * log_probs[b, t, label[b, t]] + 0.1 * log_probs[b, t].mean() for t in range(n)]
        for b, n in enumerate((3, 1))
    ]
    expected = [-np.mean(row) for row in rows]
    np.testing.assert_allclose(sequence_cross_entropy(logits, label, 0.1), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"export": ["litert_int4"]}, "'litert_int4' cannot be made for translation; expected"),
        ({"export": ["litert_int8"]}, "needs the ranges of integers to be trained; put {name: qat"),
        (
            {"compress": [{"name": "prune_structured", "layers": 1}]},
            r"compress\[0\]: prune_structured does not go with translation: it supports the blocks",
        ),
        (
            {"compress": [{"name": "trim_vocabulary"}]},
            r"compress\[0\]: trim_vocabulary does not go with translation: removed pieces",
        ),
        (
            {"task": {"name": "classification"}, "export": ["litert_greedy"]},
            "'litert_greedy' cannot be made for classification: it repeats the steps of a transl",
        ),
        ({"task": {"name": "translation", "n_best": 9}}, "n_best: got 9, expected at most beam, 5"),
        ({"model": {"name": "bert", "size": "tiny"}}, "models that fit: seq2seq_lstm, seq2seq_tr"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_loaded(changes, message):
    raw = {
        "task": {"name": "translation"},
        "data": {"source": "parallel", "languages": ["de", "en"]},
        "model": {"name": "seq2seq_lstm"},
        **changes,
    }
    with pytest.raises(ConfigError, match=message):
        configs.from_dict(raw, "run")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("translation")
    (folder / "run.yaml").write_text(RUN)
    for name, pairs in (("train", PAIRS * 15), ("few", PAIRS * 3), ("dev", PAIRS[3::4])):
        for side, key in (("de", "text"), ("en", "target")):
            lines = "".join(f"{pair[key]}\n" for pair in pairs)
            (folder / f"{name}.{side}").write_text(lines, encoding="utf-8")
    finished = tfapps("run", "run.yaml", cwd=folder)
    assert finished.returncode == 0, finished.stderr
    return folder


def test_every_file_translates_as_the_model_does(place):
    bundle = place / "saved_models" / "run"
    proof = json.loads((bundle / "verify.json").read_text())
    for name in ("saved_model", "litert_float32", "litert_greedy"):
        assert proof[name]["agreement"] == 1.0
        assert proof[name]["metric_drop"] == 0.0
        assert proof[name]["max_logit_difference"] < 1e-4
    assert proof["litert_dynamic"]["agreement"] >= 0.8
    metrics = json.loads((bundle / "metrics.json").read_text())
    assert metrics["headline"] == "bleu"
    assert metrics["training"][0]["tokens_per_second"] > 0
    assert metrics["dev"]["litert_float32"] == metrics["dev"]["keras"]
    assert metrics["dev"]["keras"]["bleu"] > 50
    assert (bundle / "attention.png").read_bytes()[:4] == b"\x89PNG"
    assert "nrefs:1|case:mixed" in (bundle / "report.txt").read_text()


@pytest.mark.parametrize("artifact", ["keras", "saved_model", "litert_float32", "litert_greedy"])
def test_the_command_line_translates_and_judges(place, artifact):
    result = tfapps("predict", "run", "Das Kind ist alt.", "--artifact", artifact, cwd=place)
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["text"] == "Das Kind ist alt."
    assert answer["translation"].startswith("The ")
    judged = tfapps("evaluate", "run", "--data", "dev", "--artifact", artifact, "--json", cwd=place)
    assert judged.returncode == 0, judged.stderr
    figures = json.loads(judged.stdout.splitlines()[-1])
    measured = json.loads((place / "saved_models/run/metrics.json").read_text())["dev"]
    expected = measured[artifact if artifact == "litert_greedy" else "keras"]
    assert figures == {"artifact": artifact, "rows": 7, "metrics": pytest.approx(expected)}


def test_every_file_is_timed(place):
    result = tfapps("benchmark", "run", "--rows", "2", "--json", cwd=place)
    assert result.returncode == 0, result.stderr
    figures = json.loads(result.stdout.splitlines()[-1])
    assert figures["litert_greedy"]["p50_ms"] > 0


def test_attention_is_drawn(place):
    command = ("predict", "run", "Das Kind ist alt.", "--attention")
    result = tfapps(*command, "looked.png", cwd=place)
    assert result.returncode == 0, result.stderr
    assert (place / "looked.png").read_bytes()[:4] == b"\x89PNG"
    result = tfapps(*command, "nowhere/looked.png", cwd=place)
    assert result.returncode == 2
    assert "cannot write nowhere/looked.png: No such file" in result.stderr


def test_the_error_for_files_of_different_length_has_both_counts(place):
    (place / "odd.de").write_text("Ja.\nNein.\n")
    (place / "odd.en").write_text("Yes.\n")
    result = tfapps("evaluate", "run", "--data", "odd", cwd=place)
    assert result.returncode == 2
    assert re.search(r"odd.de.* 2 lines.*odd.en.* 1", result.stderr), result.stderr
    assert "Traceback" not in result.stderr


def test_look_before_you_train(place):
    result = tfapps("inspect", "run.yaml", cwd=place)
    assert result.returncode == 0, result.stderr
    assert "target_ids" in result.stdout
    assert "The house" in result.stdout


def test_batches_of_tokens_evaluation_within_epochs_and_own_words(place):
    settings = (
        "name=sampled", "data.train=few", "train.epochs=2",
        "train.batch_tokens=360", "train.evaluate_every=3",
        "objective={name: scheduled_sampling, rate: 0.5}",
    )  # fmt: skip
    result = tfapps("train", "run.yaml", *settings, cwd=place)
    assert result.returncode == 0, result.stderr
    records = json.loads((place / "saved_models/sampled/metrics.json").read_text())["training"]
    updates = records[-1]["step"] // 2
    assert updates < -(-len(PAIRS * 3) // 8)
    ends = {*range(3, 2 * updates + 1, 3), updates, 2 * updates}
    assert [record["step"] for record in records] == sorted(ends)
    assert records[-1]["loss"] < records[0]["loss"]
    assert all(record["tokens_per_second"] > 0 for record in records)
