"""The loss of the dev set, as TensorBoard shows it beside that of training."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import log_loss

from tfapps.features.columns import Encoded, Ragged
from tfapps.runs import outputs
from tfapps.tasks import classification, intent_slots, masked_lm, regression, tagging, translation

TAGS = [np.array([1, 2], np.int32), np.array([3], np.int32), np.array([1, 1, 1], np.int32)]


def loss(task, logits, **columns):
    ragged = {name: Ragged.from_rows(c) for name, c in columns.items() if isinstance(c, list)}
    encoded = Encoded({**columns, **ragged}, 0)
    prepared = SimpleNamespace(task=task, encoded={"dev": encoded})
    targets = {name: encoded.columns[name] for name in task.targets}
    return outputs.loss_of(prepared, logits, targets, "dev")


def test_classification_has_the_mean_cross_entropy_of_all_rows(monkeypatch):
    monkeypatch.setattr(outputs, "AT_ONCE", 4)
    random = np.random.default_rng(0)
    logits = random.normal(size=(10, 3)).astype(np.float32)
    truth = np.tile(np.arange(3, dtype=np.int32), 4)[:10]
    shares = np.exp(logits.astype(np.float64))
    expected = log_loss(truth, shares / shares.sum(axis=1, keepdims=True))
    task = classification.Task(classification.Config(), ["a", "b", "c"])
    assert loss(task, logits, label=truth) == pytest.approx(expected, rel=1e-5)


def test_numbers_below_zero_count_in_a_regression():
    task = regression.Task(regression.Config(), 0.0, 1.0)
    label = np.array([-2.0, 1.0], np.float32)
    assert loss(task, np.zeros((2, 1), np.float32), label=label) == pytest.approx(2.5)


@pytest.mark.parametrize("crf", [False, True])
def test_a_tagger_weighs_each_word_alike(crf):
    task = tagging.Task(tagging.Config(crf=crf), ["X"])
    logits = np.random.default_rng(1).normal(size=(3, 4, 3)).astype(np.float32)
    both = {"logits": logits, "transitions": np.zeros((3, 5, 3), np.float32)}
    words = np.array([2.0, 1.0, 3.0], np.float32)
    actual = loss(task, both if crf else logits, label_ids=TAGS, words=words)
    each = [{name: array[[i]] for name, array in both.items()} for i in range(3)]
    rows = [
        loss(task, row if crf else row["logits"], label_ids=[tags], words=one)
        for row, tags, one in zip(each, TAGS, words[:, None], strict=True)
    ]
    assert actual == pytest.approx(np.average(rows, weights=words), rel=1e-5)


def test_an_intent_that_training_never_saw_is_left_out():
    config = intent_slots.Config(unseen_intent="wrong")
    task = intent_slots.Task(config, ["X"], ["a", "b"])
    random = np.random.default_rng(2)
    both = {
        "logits": random.normal(size=(3, 4, 3)).astype(np.float32),
        "intent": random.normal(size=(3, 2)).astype(np.float32),
    }
    words = np.array([2.0, 1.0, 3.0], np.float32)
    label = np.array([0, -1, 1], np.int32)
    kept = {name: array[[0, 2]] for name, array in both.items()}
    expected = loss(task, kept, label_ids=[TAGS[0], TAGS[2]], label=label[[0, 2]], words=words[:2])
    assert loss(task, both, label_ids=TAGS, label=label, words=words) == pytest.approx(expected)


def test_answers_of_a_search_and_reduced_outputs_have_no_loss():
    for task in (translation.Task(translation.Config()), masked_lm.Task(masked_lm.Config())):
        prepared = SimpleNamespace(task=task)
        assert outputs.loss_of(prepared, [], {}, "dev") is None
