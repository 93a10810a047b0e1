"""The classification task: labels, losses, figures, answers."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops
from sklearn.metrics import f1_score, log_loss

from tfapps.errors import InputError
from tfapps.runs import unjudged
from tfapps.tasks.classification import Config, Task


class FakeTokenizer:
    surface = ()

    def encode(self, texts, pairs=None, max_length=8):
        return SimpleNamespace(
            token_ids=[np.arange(len(text), dtype=np.int32) for text in texts],
            segment_ids=[np.zeros(len(text), np.int32) for text in texts],
            truncated=0,
        )


def rows(*labels):
    return [{"text": f"text {i}", "label": label} for i, label in enumerate(labels)]


@pytest.fixture
def task():
    return Task.learn(Config(), rows("b", "a", "c", "a"))


@pytest.fixture
def multi():
    return Task.learn(Config(multi_label=True), rows(["x", "y"], [], ["z"], ["x"]))


def test_labels_are_sorted_and_numbers_in_order():
    assert Task.learn(Config(), rows("b", "a")).labels == ["a", "b"]
    assert Task.learn(Config(), rows("10", "9", "1")).labels == ["1", "9", "10"]


def test_one_class_only_is_refused():
    with pytest.raises(InputError, match=r"training data has 1 class \(a\), expected at least 2"):
        Task.learn(Config(), rows("a", "a"))


def test_a_list_of_labels_needs_multi_label():
    with pytest.raises(InputError, match="set task.multi_label: true"):
        Task.learn(Config(), rows(["a"], ["b"]))


def test_min_label_count_needs_multi_label():
    with pytest.raises(ValueError, match="min_label_count needs multi_label: true"):
        Config(min_label_count=2)


def test_unseen_label_names_the_nearest(task):
    with pytest.raises(InputError, match="label 'aa' was never seen in training"):
        task.encode(rows("a", "aa"), FakeTokenizer(), 8)


def test_rare_labels_are_dropped_everywhere_when_asked():
    config = Config(multi_label=True, min_label_count=2)
    task = Task.learn(config, rows(["x", "y"], ["x"], ["z"], ["z"]))
    assert task.labels == ["x", "z"]
    columns, _ = task.encode(rows(["y", "x"], ["never seen"]), FakeTokenizer(), 8)
    assert columns["label"].tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_unlabelled_rows_have_no_target(task):
    columns, _ = task.encode([{"text": "hello"}], FakeTokenizer(), 8)
    assert "label" not in columns


def test_save_and_load_keep_the_labels(task, tmp_path):
    task.save(tmp_path)
    assert Task.load(Config(), tmp_path).labels == task.labels


def test_single_label_loss_equals_scikit_learn(task):
    logits = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    truth = np.array([0, 1, 2, 0, 1, 2], np.int32)
    each = ops.convert_to_numpy(task.loss({"label": truth}, logits))
    probability = ops.convert_to_numpy(ops.softmax(logits)).astype("float64")
    probability /= probability.sum(axis=-1, keepdims=True)
    assert each.mean() == pytest.approx(log_loss(truth, probability), rel=1e-5)


def test_label_smoothing_equals_keras(task):
    logits = np.random.default_rng(1).normal(size=(4, 3)).astype("float32")
    truth = np.array([0, 1, 2, 0], np.int32)
    expected = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=0.1, reduction="none"
    )(np.eye(3, dtype="float32")[truth], logits)
    ours = task.loss({"label": truth}, logits, label_smoothing=0.1)
    np.testing.assert_allclose(ops.convert_to_numpy(ours), expected, rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_multi_label_loss_equals_keras(multi, smoothing):
    generator = np.random.default_rng(2)
    logits = (20 * generator.normal(size=(5, 3))).astype("float32")
    truth = (generator.random((5, 3)) > 0.5).astype("float32")
    expected = keras.losses.BinaryCrossentropy(
        from_logits=True, label_smoothing=smoothing, reduction="none"
    )(truth, logits)
    ours = multi.loss({"label": truth}, logits, label_smoothing=smoothing)
    np.testing.assert_allclose(ops.convert_to_numpy(ours), expected, rtol=1e-4)


def test_balanced_weights_make_classes_count_alike(task):
    label = np.array([0, 0, 0, 1, 2, 2], np.int32)
    weights = task.class_weights({"label": label})
    total = np.bincount(label, weights=weights[label])
    np.testing.assert_allclose(total, 2.0)
    logits = np.zeros((6, 3), "float32")
    each = ops.convert_to_numpy(task.loss({"label": label}, logits, class_weights=weights))
    np.testing.assert_allclose(each, np.log(3) * weights[label], rtol=1e-5)


def test_balanced_weights_of_rows_are_one_on_average_though_a_class_has_none(task):
    label = np.array([0, 0, 0, 2], np.int32)
    weights = task.class_weights({"label": label})
    np.testing.assert_allclose(np.bincount(label, weights=weights[label]), [2.0, 0.0, 2.0])


def test_balanced_weights_of_multi_label_are_negatives_over_positives(multi):
    label = np.array([[1, 0, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0]], np.float32)
    # One positive in four, none (counted as one), two in four.
    np.testing.assert_allclose(multi.class_weights({"label": label}), [3.0, 3.0, 1.0])


def test_metrics_of_perfect_and_wrong_answers(task):
    truth = np.array([0, 1, 2, 1])
    sure = 20.0 * np.eye(3)[truth]
    perfect = task.predict_metrics(sure, {"label": truth})
    assert perfect == {"accuracy": 1.0, "macro_f1": 1.0, "calibration_error": 0.0}
    wrong = task.predict_metrics(sure, {"label": (truth + 1) % 3})
    assert wrong["accuracy"] == 0.0
    assert wrong["calibration_error"] == pytest.approx(1.0, abs=1e-3)


def test_multi_label_metrics_equal_scikit_learn(multi):
    generator = np.random.default_rng(3)
    logits, truth = generator.normal(size=(50, 3)), generator.random((50, 3)) > 0.5
    figures = multi.predict_metrics(logits, {"label": truth.astype("float32")})
    assert figures["micro_f1"] == pytest.approx(f1_score(truth, logits >= 0, average="micro"))
    assert figures["macro_f1"] == pytest.approx(f1_score(truth, logits >= 0, average="macro"))
    assert figures["accuracy"] == pytest.approx(((logits >= 0) == truth).all(axis=1).mean())


def test_a_class_without_a_row_counts_in_no_average(task):
    """145 rows of `a`, one of `b`, all of them right: nothing is wrong with `c`."""
    truth = np.array([0] * 145 + [1])
    figures = task.predict_metrics(20.0 * np.eye(3)[truth], {"label": truth})
    assert figures["macro_f1"] == f1_score(truth, truth, average="macro") == 1.0


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [
        ([0, 0, 1], [0, 1, 1]),
        ([0, 0, 0], [0, 1, 0]),
        ([1, 1, 1], [1, 1, 1]),
        ([0, 1, 2], [2, 1, 0]),
    ],
    ids=["absent", "predicted_only", "one_class", "all"],
)
def test_macro_f1_is_that_of_scikit_learn(task, truth, predicted):
    truth = np.array(truth)
    logits, expected = np.eye(3)[predicted], f1_score(truth, predicted, average="macro")
    assert task.predict_metrics(logits, {"label": truth})["macro_f1"] == pytest.approx(expected)
    report, _ = task.report(logits, {"label": truth})
    assert report["averages"]["macro avg"]["f1-score"] == pytest.approx(expected)


def test_multi_label_averages_leave_out_labels_that_do_not_occur(multi):
    truth = np.array([[1, 0, 0], [1, 1, 0]], np.float32)
    right = multi.predict_metrics(8 * truth - 4, {"label": truth})
    assert (right["macro_f1"], right["micro_f1"], right["accuracy"]) == (1.0, 1.0, 1.0)
    wrong = multi.predict_metrics(np.full((2, 3), 4.0), {"label": truth})  # `c` was predicted
    assert wrong["macro_f1"] == pytest.approx((1.0 + 2 / 3 + 0.0) / 3)
    nothing = np.zeros((2, 3), np.float32)
    assert multi.predict_metrics(nothing - 4, {"label": nothing})["macro_f1"] == 0.0
    report, text = multi.report(nothing - 4, {"label": nothing})
    assert report == {"classes": {}, "averages": {}, "absent": multi.labels}
    assert text.endswith(f"in no average): {', '.join(multi.labels)}\n")


def test_report_counts_every_class_and_names_the_absent_ones(task):
    report, text = task.report(np.eye(3)[[0, 1, 1]], {"label": np.array([0, 1, 2])})
    assert report["classes"]["b"]["precision"] == 0.5
    assert report["classes"]["c"]["support"] == 1
    assert report["absent"] == []
    assert "macro avg" in text
    assert "absent" not in text
    report, text = task.report(np.eye(3)[[0, 1]], {"label": np.array([0, 1])})
    assert report["absent"] == ["c"]
    assert text.endswith("\nabsent (no row, no prediction; in no average): c\n")


def test_classes_may_be_called_like_the_lines_of_a_report():
    labels = ["accuracy", "macro avg"]
    report, _ = Task(Config(), labels).report(np.eye(2), {"label": np.array([0, 1])})
    assert {label: row["f1-score"] for label, row in report["classes"].items()} == dict.fromkeys(
        labels, 1.0
    )


def test_labels_without_a_row_are_logged(task, multi, capsys):
    unjudged.log(task, {"label": np.array([0, 2])}, (), "dev")
    unjudged.log(multi, {"label": np.array([[0, 1, 0]])}, (), "small.tsv")
    unjudged.log(task, {"label": np.array([0, 1, 2])}, (), "dev")
    assert capsys.readouterr().out.splitlines() == [
        "dev: no row of 1 label(s), which averages leave out unless the model predicts them: b",
        "small.tsv: no row of 2 label(s), which averages leave out unless the model predicts them: "
        f"{multi.labels[0]}, {multi.labels[2]}",
    ]


def test_decode_returns_the_label_and_its_probability(task):
    answer = task.decode(np.array([[0.0, np.log(2.0), 0.0]]))[0]
    assert answer["label"] == "b"
    assert answer["score"] == pytest.approx(0.5)
    assert [label for label, _ in answer["top"]] == ["b", "a", "c"]


def test_multi_label_decode_may_be_empty(multi):
    answers = multi.decode(np.array([[3.0, 5.0, -1.0], [-1.0, -1.0, -1.0]]))
    assert answers[0]["labels"] == ["y", "x"]
    assert answers[1] == {"labels": [], "scores": []}


def test_pictures_are_png(task, multi):
    single = task.pictures(np.eye(3)[[0, 1, 1]], {"label": np.array([0, 1, 2])})["confusion"]
    many = multi.pictures(np.eye(3), {"label": np.eye(3)})["f1_by_label"]
    assert single[:8] == many[:8] == b"\x89PNG\r\n\x1a\n"


def test_mistakes_list_the_wrong_rows_most_confident_first(task):
    examples = [{"text": f"t|{i}", "label": label} for i, label in enumerate("aba")]
    logits = np.array([[0.0, 1.0, 0.0], [0.0, 9.0, 0.0], [0.0, 5.0, 0.0]])
    notes = task.notes(logits, {"label": np.array([0, 1, 0])}, examples)
    lines = notes["mistakes"].splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| t\\|2", "| t\\|0"]


def test_attach_puts_a_head_on_the_pooled_state(task):
    tokens = keras.Input((None,), dtype="int32", name="token_ids")
    pooled = keras.layers.Embedding(5, 4)(tokens)[:, 0]
    encoder = keras.Model({"token_ids": tokens}, {"pooled": pooled, "sequence": pooled})
    model = task.attach(encoder)
    assert model.output.shape == (None, 3)
    assert {"head/kernel", "head/bias"} <= {weight.path for weight in model.weights}
