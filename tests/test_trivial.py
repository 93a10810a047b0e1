"""Runs that have learned nothing say so: what answers without reading a text, and the warning."""

import numpy as np
import pytest

from tfapps.config import load as configs
from tfapps.metrics.classes import frequent
from tfapps.runs import trivial
from tfapps.tasks import classification, intent_slots, masked_lm, regression, tagging


def figures(task, columns, targets, examples):
    """The metrics of the trivial answer, and the answer in words."""
    answer, outputs = task.trivial(columns, examples)
    return answer, task.predict_metrics(outputs, targets, examples)


def test_the_most_frequent_label_of_the_training_is_judged_on_dev():
    task = classification.Task(classification.Config(), ["a", "b", "c"])
    train, dev = np.array([1, 1, 1, 0, 2]), np.array([0, 0, 1, 2])
    answer, metrics = figures(task, {"label": train}, {"label": dev}, [{}] * 4)
    assert (answer, metrics["accuracy"]) == ("b for every text", 0.25)


@pytest.mark.parametrize("threshold", [0.01, 0.5, 0.99])
def test_several_labels_are_given_where_that_is_better(threshold):
    config = classification.Config(multi_label=True, threshold=threshold)
    task = classification.Task(config, ["a", "b", "c"])
    label = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1], [1, 1, 0]], np.float32)
    answer, metrics = figures(task, {"label": label}, {"label": label}, [{}] * 4)
    assert answer == "a, b for every text"
    assert metrics["micro_f1"] == pytest.approx(2 * 7 / (8 + 8))
    assert list(frequent(label * [[1, 0, 0]], 3)) == [0]


def test_the_mean_correlates_with_nothing():
    task = regression.Task(regression.Config(), mean=3.25, deviation=2.0)
    dev = {"label": np.array([-1.0, 0.0, 1.0], np.float32)}
    answer, metrics = figures(task, {}, dev, [{}] * 3)
    assert (answer, metrics["pearson"]) == ("3.25 for every text", 0.0)


WINDOWS = [
    {"sentence": 0, "places": [1, 2], "tags": ["O", "B-X"], "label": "buy"},
    {"sentence": 1, "places": [1], "tags": ["O"], "label": "sell"},
]


@pytest.mark.parametrize("crf", [False, True])
def test_no_entity_is_an_answer_for_words(crf):
    task = tagging.Task(tagging.Config(crf=crf), ["X"])
    answer, metrics = figures(task, {}, {}, WINDOWS)
    assert (answer, metrics["f1"]) == ("no entity in any text", 0.0)
    assert metrics["token_micro_f1"] == pytest.approx(2 / 3)


def test_the_most_frequent_intent_and_no_entity():
    task = intent_slots.Task(intent_slots.Config(), ["X"], ["buy", "sell"])
    answer, metrics = figures(task, {"label": np.array([1, 1, 0, -1])}, {}, WINDOWS)
    assert answer == "sell and no entity for every text"
    assert (metrics["accuracy"], metrics["frame_accuracy"]) == (0.5, 0.5)


def test_a_task_may_have_no_trivial_answer():
    assert masked_lm.Task(masked_lm.Config()).trivial({}, []) is None


CONFIG = {
    "task": {"name": "classification"},
    "data": {"source": "sample", "sample": "support_intents"},
    "model": {"name": "bilstm"},
    "train": {"learning_rate": 1e-5},
}


@pytest.mark.parametrize(
    ("metric", "floor", "warned"),
    [
        (0.5, {"dev": 0.5, "answer": "a for every text"}, True),
        (0.4, {"dev": 0.5, "answer": "a for every text"}, True),
        (0.6, {"dev": 0.5, "answer": "a for every text"}, False),
        (None, {"dev": 0.5, "answer": "a for every text"}, False),
        (0.0, None, False),
    ],
)
def test_a_run_at_or_below_the_trivial_answer_ends_with_a_warning(metric, floor, warned, capsys):
    metrics = {"headline": "accuracy", "dev": {"keras": {"accuracy": metric}}}
    metrics |= {} if floor is None else {trivial.KEY: floor}
    trivial.warn(configs.from_dict(CONFIG, "run"), metrics)
    printed = capsys.readouterr().out
    assert bool(printed) == warned
    if warned:
        assert printed.startswith("warning: run has learned nothing that its dev set shows: ")
        assert f"accuracy {metric:.4f}, and 0.5000 without reading a text (a for every" in printed
        assert "train.learning_rate (1e-05 now;" in printed
