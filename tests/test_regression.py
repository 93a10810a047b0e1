"""A number for each text: scale, loss, metrics, answers, labels that are no numbers."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from tfapps.errors import InputError
from tfapps.tasks.regression import Config, Task

TASK = Task(Config(), mean=3.0, deviation=2.0)


def rows(*labels):
    return [{"text": f"text {i}", "label": label} for i, label in enumerate(labels)]


def test_mean_and_deviation_are_those_of_the_training(tmp_path):
    task = Task.learn(Config(), rows("1", 5, "3.0"))
    assert (task.mean, task.deviation) == (3.0, pytest.approx(np.std([1, 5, 3])))
    task.save(tmp_path)
    again = Task.load(Config(), tmp_path)
    assert (again.mean, again.deviation) == (task.mean, task.deviation)


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (["1", "good"], "label 'good': expected a number, such as 3.5; check data.label"),
        (["1", "nan"], "label 'nan': expected a number"),
        (["1", None], "label None: expected a number"),
        (["2", "2.0"], r"one number only \(2\), expected at least 2"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(labels, problem):
    with pytest.raises(InputError, match=problem):
        Task.learn(Config(), rows(*labels))


def test_the_loss_is_the_squared_error():
    logits, label = np.array([[1.0], [0.5]], "float32"), np.array([0.0, 1.0], "float32")
    np.testing.assert_allclose(TASK.loss({"label": label}, logits), [1.0, 0.25])
    smooth = TASK.loss({"label": label}, logits, label_smoothing=0.5)
    np.testing.assert_allclose(smooth, [1.0, 0.0])


def test_metrics_are_those_of_scipy_and_scikit_learn_in_units_of_the_data():
    random = np.random.default_rng(0)
    label = random.normal(size=50).round(1).astype("float32")
    logits = (label + random.normal(size=50)).round(1).astype("float32")[:, None]
    actual = TASK.predict_metrics(logits, {"label": label})
    truth, answers = 2 * label + 3, 2 * logits[:, 0] + 3
    assert actual == {
        "pearson": pytest.approx(stats.pearsonr(truth, answers).statistic, rel=1e-5),
        "spearman": pytest.approx(stats.spearmanr(truth, answers).statistic, rel=1e-5),
        "rmse": pytest.approx(metrics.root_mean_squared_error(truth, answers), rel=1e-5),
        "mean_squared_error": pytest.approx(metrics.mean_squared_error(truth, answers), rel=1e-5),
    }


def test_answers_that_are_all_alike_correlate_with_nothing():
    label = np.array([0.0, 1.0, 2.0])
    actual = TASK.predict_metrics(np.zeros((3, 1)), {"label": label})
    assert actual["pearson"] == actual["spearman"] == 0.0


def test_answers_and_the_furthest_of_them():
    logits = np.array([[0.5], [-1.0]], "float32")
    assert TASK.decode(logits) == [{"number": 4.0}, {"number": 1.0}]
    assert TASK.decide(logits).tolist() == [True, False]
    targets = {"label": np.array([0.4, 1.0], "float32")}
    table = TASK.notes(logits, targets, rows("3.8", "5"), limit=1)["furthest"]
    assert table.splitlines()[2:] == ["| text 1 | 5 | 1 |"]
