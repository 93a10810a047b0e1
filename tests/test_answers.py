"""Laws of answers: no text's answer depends on its neighbours, nor on who else asks meanwhile."""

import functools
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import served

from tfapps import registry
from tfapps.errors import InputError
from tfapps.features.arrays import as_list
from tfapps.forms.base import BATCH
from tfapps.serve.predictor import Predictor

COUNT = BATCH + 6
THREADS = 8


@pytest.fixture(scope="module")
def path_of(tmp_path_factory):
    """The run of a task, written once."""
    return functools.cache(lambda task: served.write(tmp_path_factory.mktemp(task) / "run", task))


@pytest.fixture(scope="module", params=registry.names("task"))
def bundle(request, path_of):
    """Each task, and a run of it."""
    return request.param, path_of(request.param)


def rounded(answer):
    """An answer with its figures to three digits, which batches of other shapes agree on."""
    if isinstance(answer, dict):
        return {key: rounded(value) for key, value in answer.items()}
    if isinstance(answer, list):
        return [rounded(value) for value in answer]
    return pytest.approx(answer, abs=1e-3) if isinstance(answer, float) else answer


def artifacts(task):
    return served.artifacts_of(task)


def test_an_answer_does_not_depend_on_its_neighbours(bundle):
    task, path = bundle
    texts = served.texts(task, COUNT)
    for name in artifacts(task):
        predictor = Predictor.open(path, name)
        answers = predictor(texts)
        assert len({str(answer) for answer in answers}) > COUNT // 3
        assert [predictor([text])[0] for text in texts[:20]] == answers[:20]
        order = random.Random(1).sample(range(COUNT), COUNT)
        assert predictor([texts[i] for i in order]) == [answers[i] for i in order]


def test_an_answer_of_keras_does_not_depend_on_its_neighbours(bundle):
    task, path = bundle
    texts = served.texts(task, COUNT)
    predictor = Predictor.open(path, "keras")
    answers = predictor(texts)
    for i in (*range(6), COUNT - 1):
        assert predictor([texts[i]])[0] == rounded(answers[i])
    order = random.Random(1).sample(range(COUNT), COUNT)
    assert predictor([texts[i] for i in order]) == [rounded(answers[i]) for i in order]


def test_answers_of_many_threads_are_those_of_one(bundle):
    task, path = bundle
    texts = served.texts(task, COUNT)
    for name in artifacts(task):
        predictor = Predictor.open(path, name)
        answers, cut = predictor(texts), predictor.truncated

        def ask(start, predictor=predictor):
            return predictor(texts[start::THREADS])

        with ThreadPoolExecutor(THREADS) as threads:
            for _ in range(3):
                parts = threads.map(ask, range(THREADS))
                for start, part in enumerate(parts):
                    assert part == answers[start::THREADS], name
        assert predictor.truncated == 4 * cut


def test_logits_of_any_number_of_texts(bundle):
    task, path = bundle
    texts = served.texts(task, COUNT)
    predictor = Predictor.open(path, "litert_float32")
    if registry.load("task", task).Task.form == "seq2seq":
        with pytest.raises(InputError, match="it has no logits of a text"):
            predictor.logits(texts)
        return
    texts = [" ".join(text.split()[:4]) for text in texts]  # long ones may have rows of their own
    texts[-1] = " ".join(served.WORDS[:8])
    full, alone = predictor.logits(texts), [predictor.logits([text]) for text in texts[:8]]
    for row, one in enumerate(alone):
        for actual, expected in zip(as_list(full), as_list(one), strict=True):
            length = expected.shape[1]
            assert len(actual) == len(texts)
            np.testing.assert_array_equal(actual[row, :length], expected[0])


def test_a_gap_that_was_cut_off_stays_one(path_of):
    path = path_of("masked_lm")
    text = "ann [MASK] " + "plums " * 20 + "[MASK]"
    for name in ("keras", "litert_float32"):
        predictor = Predictor.open(path, name)
        (answer,) = predictor([text])
        assert len(answer["gaps"]) == 1
        assert answer["filled"].endswith("plums [MASK]")
        assert predictor.truncated == 1


def test_keras_guesses_no_more_places_than_there_are_gaps(path_of, monkeypatch):
    """64 texts of 128 tokens would need a gigabyte for the logits of every token."""
    path = path_of("masked_lm")
    predictor = Predictor.open(path, "keras")
    asked = []
    runner = predictor._runner
    monkeypatch.setattr(predictor, "_runner", lambda f: asked.append(f) or runner(f))
    predictor(["ann eats [MASK] plums it runs to rome"] * 20)
    assert {features["masked_places"].shape[1] for features in asked} == {1}
    assert max(len(features["token_ids"]) for features in asked) == 8


def test_a_text_in_another_script_is_refused_in_any_batch(path_of):
    path = path_of("translation")
    predictor = Predictor.open(path, "litert_float32")
    strange, known = "Собака спит на диване", "ann eats plums"
    for texts in ([strange], [*[known] * 40, strange], [strange, *[known] * 40]):
        with pytest.raises(InputError, match="unknown to the vocabulary .'Собака спит"):
            predictor(texts)
    long = " ".join([known] * 4)
    assert predictor([long, "Я", known])[2] == predictor([known])[0]
