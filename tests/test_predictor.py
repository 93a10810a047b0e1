"""Predictor: any list of strings gets an answer each, without TensorFlow where it is LiteRT."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfapps.errors import InputError
from tfapps.features.feature import tokens
from tfapps.features.padding import pad
from tfapps.forms.base import BATCH
from tfapps.serve import artifacts
from tfapps.serve.artifacts import preferred
from tfapps.serve.predictor import Predictor

ROOT = str(Path(__file__).resolve().parents[1])


class Words:
    """Tokenizer and task in one: a word's id is its length, a label is a number."""

    unknown_id, rows_at_once = 1, 64

    def expand(self, examples, tokenizer, max_length):
        return examples

    def encode(self, examples, tokenizer, max_length):
        rows = [
            np.array([len(w) for w in f"{e['text']} {e.get('text_pair', '')}".split()], np.int32)
            for e in examples
        ]
        cut = sum(len(row) > max_length for row in rows)
        rows = [row[:max_length] for row in rows]
        return {"token_ids": rows, "segment_ids": [row * 0 for row in rows]}, cut

    def decode(self, logits, examples):
        return [{"label": int(row.argmax())} for row in logits]


def _predictor(runner, inputs=("token_ids", "padding_mask"), max_length=6, paired=False):
    words = Words()
    return Predictor(
        artifact="litert_float32",
        runner=runner,
        features=tokens(*inputs, length=max_length),
        tokenizer=words,
        task=words,
        max_length=max_length,
        paired=paired,
    )


def _sums(features):
    """Logits whose largest is at the number of real tokens."""
    return np.eye(10)[features["padding_mask"].sum(1)]


def test_an_answer_for_each_text_in_order():
    texts = ["a b c", "", "one", "a b c d e f g h"] * 40
    predictor = _predictor(_sums)
    assert [a["label"] for a in predictor(texts)] == [3, 1, 1, 6] * 40
    assert predictor.truncated == 40


def test_an_empty_text_is_one_unknown_token():
    seen = []

    def runner(features):
        seen.append(features)
        return np.zeros((2, 3))

    _predictor(runner)(["", "aa bb"])
    np.testing.assert_array_equal(seen[0]["token_ids"], [[1, 0], [2, 2]])
    np.testing.assert_array_equal(seen[0]["padding_mask"], [[1, 0], [1, 1]])


def test_only_the_inputs_of_the_artefact_are_given():
    for inputs in (("token_ids",), ("token_ids", "padding_mask", "segment_ids")):
        seen = {}

        def runner(features, seen=seen):
            seen.update(features)
            return np.zeros((1, 2))

        _predictor(runner, inputs)(["a b"])
        assert set(seen) == set(inputs)
        assert {value.dtype for value in seen.values()} == {np.dtype(np.int32)}


def test_pairs_reach_the_task():
    assert _predictor(_sums, paired=True)([("a b", "c")]) == [{"label": 3}]


def test_pairs_and_single_texts_are_not_confused():
    with pytest.raises(InputError, match=r"trained on pairs of texts, got single texts; expected"):
        _predictor(_sums, paired=True)(["a b"])
    with pytest.raises(InputError, match="trained on single texts, got pairs of texts; expected"):
        _predictor(_sums).logits([("a b", "c")])


@pytest.mark.parametrize(
    ("paired", "texts"), [(False, ["a", "b\ud83d"]), (True, [("a", "\udc00")])]
)
def test_half_a_surrogate_pair_is_refused(paired, texts):
    with pytest.raises(InputError, match=r"text \d: character \d is half of a surrogate pair"):
        _predictor(_sums, paired=paired)(texts)


def test_no_texts_give_no_answers():
    assert _predictor(_sums)([]) == []
    with pytest.raises(InputError, match="at least one text"):
        _predictor(_sums).logits([])


def test_logits_are_those_of_the_runner_over_all_batches():
    logits = _predictor(_sums).logits(["a b"] * (BATCH + 3))
    assert logits.shape == (BATCH + 3, 10)


def test_what_is_no_list_of_texts_is_refused():
    predictor = _predictor(_sums)
    with pytest.raises(InputError, match="got one string; put it in a list"):
        predictor("hello")
    with pytest.raises(InputError, match=r"text 1: expected a string .* got int"):
        predictor(["a", 3])
    with pytest.raises(InputError, match="mixed"):
        predictor(["a", ("a", "b")])


def test_faithful_and_light_artefacts_are_preferred():
    everything = ["keras", *sorted(artifacts.PREFERENCE)]
    order = []
    while everything:
        order.append(preferred(everything))
        everything.remove(order[-1])
    assert order == [*artifacts.PREFERENCE, "keras"]
    assert order.index("litert_dynamic") < order.index("litert_int8") < order.index("litert_int4")
    assert preferred(["keras", "litert_other"]) == "litert_other"
    with pytest.raises(InputError, match="no artefact to answer with"):
        preferred([])


def test_a_saved_model_is_code_that_must_be_named():
    assert preferred(["saved_model", "litert_int4"]) == "litert_int4"
    assert preferred(["keras", "saved_model"]) == "keras"
    with pytest.raises(InputError, match="a SavedModel alone, which is code.*--artifact saved_mod"):
        preferred(["saved_model"])


def test_pad_cuts_and_fills():
    rows = {"token_ids": [np.array([4, 5, 6]), np.array([], np.int32)]}
    arrays = pad(tokens("token_ids", length=2), rows, blank={"token_ids": 9})
    np.testing.assert_array_equal(arrays["token_ids"], [[4, 5], [9, 0]])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A whole bundle around a small model, written as a run writes it."""
    config = pytest.importorskip("tfapps.config.load")
    bundles = pytest.importorskip("tfapps.bundle.bundle")
    registry = pytest.importorskip("tfapps.registry")
    text = pytest.importorskip("tfapps.text.tokenizer")
    joined = pytest.importorskip("tfapps.assembly.assemble")
    if "classification" not in registry.names("task") or "bilstm" not in registry.names("model"):
        pytest.skip("needs the classification task and the bilstm model")
    from tfapps.export import litert, saved_model
    from tfapps.graph import weights

    settings = config.from_dict(
        {
            "task": {"name": "classification"},
            "data": {"source": "tsv", "train": "train.tsv", "dev": 0.1},
            "model": {"name": "bilstm", "max_length": 8},
            "export": ["saved_model", "litert_float32"],
        },
        "small",
    )
    examples = [{"text": f"word{i} word{i + 1}", "label": "ab"[i % 2]} for i in range(8)]
    task_module = registry.load("task", "classification")
    task = task_module.Task.learn(settings.task, examples)
    tokenizer = text.Tokenizer.train([e["text"] for e in examples], "words", 50, True, 1)
    model = joined.assemble(settings, task, vocabulary_size=tokenizer.vocabulary_size)
    path = tmp_path_factory.mktemp("saved_models") / "small"
    with bundles.writing(path) as draft:
        (draft.path / "config.yaml").write_text(config.dump(settings), encoding="utf-8")
        tokenizer.save(draft.path / "text")
        task.save(draft.path / "text")
        weights.save(model, draft.path / "weights.safetensors")

        def rebuild(batch_size, length):
            return joined.assemble(
                settings,
                task,
                vocabulary_size=tokenizer.vocabulary_size,
                batch_size=batch_size,
                length=length,
                weights_file=draft.path / "weights.safetensors",
            )

        for exporter in (litert, saved_model):
            exporter.export(settings.export, rebuild=rebuild, max_length=8, folder=draft.path)
    return path


def test_every_artefact_gives_the_same_answers(run):
    texts = ["word1 word2", "", "nothing known here", " ".join(["word3"] * 40)]
    logits = {}
    for name in ("keras", "saved_model", "litert_float32"):
        predictor = Predictor.open(run, artifact=name)
        logits[name] = predictor.logits(texts)
        assert predictor.truncated == 1
        assert len(predictor(texts)) == 4
    np.testing.assert_allclose(logits["saved_model"], logits["keras"], atol=1e-5)
    np.testing.assert_allclose(logits["litert_float32"], logits["keras"], atol=1e-5)


def test_litert_answers_without_tensorflow_or_keras(run):
    program = (
        "import sys\n"
        "from tfapps.serve.predictor import Predictor\n"
        f"predictor = Predictor.open({str(run)!r})\n"
        "assert predictor.artifact == 'litert_float32'\n"
        "assert predictor(['word1'])[0]['label'] in 'ab'\n"
        "assert not {'tensorflow', 'keras', 'ssl', 'urllib.request'} & set(sys.modules), 'heavy'\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
    )
    assert (child.returncode, child.stdout, child.stderr) == (0, "", "")


def test_an_artefact_that_is_not_there_is_named(run):
    with pytest.raises(InputError, match="litert_int8"):
        Predictor.open(run, artifact="litert_int8")
