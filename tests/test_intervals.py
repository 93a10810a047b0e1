"""Intervals of metrics: against published figures, and against the metrics they are of."""

import numpy as np
import pytest
from scipy import stats

from tfapps.metrics import classes, entities, intervals, translation

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize(("right", "rows"), [(9, 10), (0, 10), (10, 10), (376, 412), (1, 1)])
def test_wilson_is_that_of_scipy(right, rows):
    expected = stats.binomtest(right, rows).proportion_ci(method="wilson")
    assert intervals.wilson(right, rows) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_there_is_no_interval_of_nothing_or_of_rows_that_are_all_alike():
    assert intervals.wilson(0, 0) is None
    assert intervals.bootstrap(lambda rows: 1.0, 0) is None
    assert intervals.of_ratio(np.ones(30), np.ones(30)) is None


def test_the_bootstrap_of_a_share_is_near_wilson_and_the_same_every_time():
    right = (RANDOM.random(800) < 0.8).astype(float)
    low, high = intervals.of_ratio(right, np.ones(800))
    expected = intervals.wilson(right.sum(), 800)
    assert (low, high) == pytest.approx(expected, abs=0.006)
    assert (low, high) == intervals.of_ratio(right, np.ones(800))


def test_rows_are_drawn_whole():
    """Ten texts of a hundred words each, all right or all wrong, say no more than ten words."""
    right = np.array([1, 1, 1, 1, 1, 1, 1, 0, 0, 0])
    many, few = (
        intervals.of_ratio(right * 100, np.full(10, 100)),
        intervals.of_ratio(right, right**0),
    )
    assert many == few
    assert many[1] - many[0] > 0.4


def draws(rows):
    """Every row once, as the metric itself sees them, and what the bootstrap saw around it."""
    return np.arange(rows)


def test_the_ratio_of_micro_f1_is_that_of_scikit_learn():
    truth, predicted = (RANDOM.random((2, 60, 4)) < 0.4).astype(int)
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "bootstrap", lambda metric, rows: seen.append(metric(draws(rows))))
        classes.interval(truth, predicted)
    assert seen == [pytest.approx(classes.f1_scores(truth, predicted, 4)["micro_f1"])]


def test_the_ratio_of_entities_is_that_of_conlleval():
    tags = ["O", "B-A", "I-A", "B-B", "I-B"]
    truth, predicted = ([list(RANDOM.choice(tags, 9)) for _ in range(40)] for _ in range(2))
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "bootstrap", lambda metric, rows: seen.append(metric(draws(rows))))
        entities.interval(truth, predicted)
    assert seen == [pytest.approx(entities.scores(truth, predicted)["f1"])]


def test_the_interval_of_bleu_holds_the_score_of_all_sentences():
    words = ["the", "dog", "sleeps", "in", "a", "green", "house", "today"]
    references = [" ".join(RANDOM.choice(words, 8)) for _ in range(60)]
    hypotheses = [
        " ".join(word if RANDOM.random() < 0.8 else "cat" for word in line.split())
        for line in references
    ]
    low, high = translation.bleu_interval(hypotheses, references)
    assert low < translation.scores(hypotheses, references)["bleu"] < high
    assert high - low > 2
