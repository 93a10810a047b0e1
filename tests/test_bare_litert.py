"""Whoever has a file alone runs it: the programs of the docs page against the predictor."""

import functools
import re
from unittest import mock

import bare
import numpy as np
import pytest
import served

from tfapps import registry
from tfapps.errors import Failure
from tfapps.metrics.probability import sigmoid, softmax
from tfapps.serve.predictor import Predictor
from tfapps.text import surface
from tfapps.text.tags import spans
from tfapps.verify import parity

TEXTS = ["I want the plum number 3", "A DRILL, please: it's for Ann's 2 saws!", "want " * 30]


def file_of(bundle, artifact="float32"):
    return bundle / "litert" / f"{artifact}.tflite"


def label_of(names):
    """The answer of a program of one label."""
    labels = names["about"]["outputs"]["logits"]["labels"]
    number = names["shares"].argmax()
    return labels[number], float(names["shares"][number])


def same_labels(bundle, texts, run=bare.run):
    predictor = Predictor.open(bundle, "litert_float32")
    for text, expected in zip(texts, predictor(texts), strict=True):
        label, score = label_of(run(file_of(bundle), text, bare.block("One label")))
        assert label == expected["label"]
        assert score == pytest.approx(expected["score"], abs=1e-4)


def same_entities(bundle, texts, crf=False):
    predictor = Predictor.open(bundle, "litert_float32")
    counts = []
    for text, expected in zip(texts, predictor(texts), strict=True):
        program = [bare.block("Tags of words"), *([bare.block("Tags of words", 1)] if crf else [])]
        names = bare.run(file_of(bundle), text, *program, upto="encoding =")
        assert names["about"]["crf"] == crf
        tags = [names["labels"][number] for number in names["numbers"]]
        entities = [" ".join(names["words"][s.start : s.end]) for s in spans(tags)]
        assert entities == [entity["text"] for entity in expected["entities"]]
        assert [s.label for s in spans(tags)] == [e["label"] for e in expected["entities"]]
        counts.append(len(entities))
    return sum(counts)


@pytest.mark.parametrize("name", ["classification", "prompt"])
def test_one_label(tiny_runs, name):
    same_labels(tiny_runs(name) / "saved_models" / name, TEXTS)


def test_a_pair_of_texts(tiny_runs):
    bundle = tiny_runs("pairs") / "saved_models" / "pairs"
    predictor = Predictor.open(bundle, "litert_float32")
    for pair in ((TEXTS[0], TEXTS[1]), (TEXTS[1], TEXTS[2]), (TEXTS[2], TEXTS[2])):
        (logits,) = predictor.logits([pair])
        second = f"encoding = tokenizer.encode(TEXT, {pair[1]!r})\n"
        program = bare.block("The program").partition("encoding = ")[2].partition("\n")[2]
        names = bare.run(file_of(bundle), pair[0], second, program, upto="encoding =")
        assert names["about"]["pairs"]
        np.testing.assert_allclose(names["outputs"]["logits"][0], logits, atol=1e-5)


def test_any_number_of_labels(tiny_runs):
    bundle = tiny_runs("many_labels") / "saved_models" / "many_labels"
    logits = Predictor.open(bundle, "litert_float32").logits(TEXTS)
    for text, row in zip(TEXTS, logits, strict=True):
        names = bare.run(file_of(bundle), text, bare.block("Any number"))
        np.testing.assert_allclose(names["shares"], sigmoid(row), atol=1e-5)
        assert names["about"]["threshold"] == 0.5


def test_a_number(tiny_runs, capsys):
    bundle = tiny_runs("regression") / "saved_models" / "regression"
    expected = Predictor.open(bundle, "litert_float32")(TEXTS)
    capsys.readouterr()
    for text, answer in zip(TEXTS, expected, strict=True):
        bare.run(file_of(bundle), text, bare.block("A number"))
        assert float(capsys.readouterr().out) == pytest.approx(answer["number"], abs=1e-4)


@pytest.mark.parametrize("name", ["tagging", "intent_slots"])
def test_tags_of_words(tiny_runs, name):
    bundle = tiny_runs(name) / "saved_models" / name
    same_entities(bundle, [TEXTS[0], "a drill, please"])
    if name == "intent_slots":
        names = bare.run(file_of(bundle), "x", bare.block("Tags of words"), upto="encoding =")
        intent = names["outputs"]["intent"][0].argmax()
        (expected,) = Predictor.open(bundle, "litert_float32")(["x"])
        assert names["about"]["outputs"]["intent"]["labels"][intent] == expected["intent"]


def test_a_translation_step_by_step(tiny_runs):
    bundle = tiny_runs("translation") / "saved_models" / "translation"
    predictor = Predictor.open(bundle, "litert_float32")
    greedy = functools.partial(predictor._runner, likeliest=True)
    for text in TEXTS[:2]:
        names = bare.run(file_of(bundle), text, bare.block("A translation", 1))
        assert names["ids"] == best(predictor, text, greedy)


def best(predictor, text, run=None):
    """The ids of the predictor's translation."""
    with mock.patch.object(predictor, "_runner", run or predictor._runner):
        ((answers, _),) = predictor._outputs([text])
    return answers[0][0].token_ids.tolist()


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """Write a bundle of random weights around a model, once."""
    folder, made = tmp_path_factory.mktemp("untrained"), {}

    def write(task, model, artifacts=("litert_float32",), **sections):
        key = f"{task}_{model}_{'_'.join(artifacts)}"
        if key not in made:
            options = {"name": model, **registry.load("model", model).Config.tiny}
            made[key] = served.write(folder / key, task, list(artifacts), sections, **options)
        return made[key]

    return write


def test_one_label_of_a_small_model(untrained):
    same_labels(untrained("classification", "bilstm"), served.TEXTS[:4] + TEXTS)


def test_probabilities_are_those_of_the_logits_in_every_artefact(untrained):
    bundle = untrained(
        "classification", "text_cnn", ("litert_float32", "saved_model"), probabilities=True
    )
    same_labels(bundle, TEXTS[:2])
    predictor = Predictor.open(bundle, "saved_model")
    for text, logits in zip(TEXTS, predictor.logits(TEXTS), strict=True):
        names = bare.run(file_of(bundle), text, bare.block("One label"))
        np.testing.assert_allclose(names["outputs"]["probabilities"][0], softmax(logits), atol=1e-5)
    form, features = predictor._runner, {"token_ids": np.ones((3, 12), np.int32)}
    features["padding_mask"] = features["token_ids"]
    outputs, decide = form(features), predictor._task.decide
    proof = form.compare(lambda likeliest: outputs, outputs, features, decide, [{}] * 3)
    assert proof["probability_difference"] < 1e-6
    wrong = {**form.run("serving_default", features), "probabilities": np.zeros((3, 3))}
    with mock.patch.object(form, "run", return_value=wrong):
        proof = form.compare(lambda likeliest: outputs, outputs, features, decide, [{}] * 3)
    with pytest.raises(Failure, match="probabilities up to .* away from those of the logits"):
        parity.check("saved_model", proof)


def test_a_model_that_sees_letters(untrained):
    bundle = untrained("classification", "bilstm_cnn")
    program = bare.block("Models that see letters")

    def run(file, text, *more):
        return bare.run(file, text, program, *more, upto="encoding =")

    same_labels(bundle, [*TEXTS[:2], "Émile pays 3.50€ to McAdam"], run)


def test_case_and_letters_of_the_page_are_those_of_the_models():
    program = bare.block("Models that see letters").partition("TEXT =")[0]
    names: dict = {}
    exec(program, names)
    words = [
        "",
        "ann",
        "Ann",
        "ANN",
        "A",
        "McA",
        "3.5",
        "B2B7",
        "R2x",
        "-",
        "ÄPFEL",
        "梨",
        "x" * 40,
    ]
    for word in [*words, "x" * 40]:
        assert names["case_of"](word) == surface.case_of(word)
        assert tuple(names["letters_of"](word, surface.LONGEST)) == surface.letters_of(word)


def test_tags_of_a_crf_are_found_in_the_file(untrained):
    bundle = untrained("tagging", "bilstm")
    assert same_entities(bundle, served.TEXTS, crf=True) > 5


def test_a_tagger_that_sees_letters(untrained):
    bundle = untrained("intent_slots", "bilstm_cnn")
    letters = bare.block("Models that see letters")
    functions, _, rest = letters.partition("TEXT =")
    tags = bare.block("Tags of words")
    words, _, answers = tags.partition("inputs = ")
    answers = answers.partition("outputs = run(**inputs)\n")[2]
    (shown,) = re.findall(r"`(seen = .*?)`", bare.PAGE.read_text(encoding="utf-8"))
    program = "\n".join([functions, words, shown, rest[rest.index("inputs = {}") :], answers])
    predictor = Predictor.open(bundle, "litert_float32")
    for text, expected in zip(served.TEXTS, predictor(served.TEXTS), strict=True):
        names = bare.run(file_of(bundle), text, program, upto="encoding =")
        tags = [names["labels"][number] for number in names["numbers"]]
        entities = [" ".join(names["words"][s.start : s.end]) for s in spans(tags)]
        assert entities == [entity["text"] for entity in expected["entities"]]


@pytest.mark.parametrize("model", ["seq2seq_lstm", "seq2seq_transformer"])
def test_a_translation_in_one_call(untrained, model):
    bundle = untrained("translation", model, ["litert_greedy"])
    predictor = Predictor.open(bundle, "litert_greedy")
    found = []
    for text in served.TEXTS:
        names = bare.run(file_of(bundle, "greedy"), text, bare.block("A translation"))
        outputs = names["outputs"]
        found.append(outputs["target_ids"][0, : outputs["length"][0]].tolist())
        assert found[-1] == best(predictor, text)
    assert len({*map(tuple, found)}) > 3
