"""Parity: an artefact outside its limit fails, with the figures in the message."""

from __future__ import annotations

import numpy as np
import pytest

from tfapps import registry
from tfapps.errors import Failure
from tfapps.forms.parts.agreement import compare, worse
from tfapps.verify import parity
from tfapps.verify.parity import LIMITS, check

GOOD = {"max_logit_difference": 1e-6, "agreement": 1.0}


def test_equal_logits_agree():
    logits = np.random.default_rng(0).normal(size=(5, 3))
    assert compare(logits, logits) == {"max_logit_difference": 0.0, "agreement": 1.0}


def test_difference_and_agreement_are_those_of_the_rows():
    reference = np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0], [5.0, 1.0]])
    candidate = np.array([[1.0, 2.25], [0.0, 3.0], [0.0, 1.0], [5.0, 1.0]])
    assert compare(reference, candidate) == {"max_logit_difference": 3.0, "agreement": 0.75}


def test_multi_label_compares_the_whole_set():
    reference = np.array([[1.0, -1.0], [2.0, 1.0]])
    candidate = np.array([[0.5, -0.5], [2.0, -1.0]])
    assert compare(reference, candidate)["agreement"] == 1.0
    assert compare(reference, candidate, lambda logits: logits > 0)["agreement"] == 0.5


def test_padding_tokens_do_not_count():
    reference = np.zeros((2, 3, 2))
    candidate = reference.copy()
    candidate[0, 2] = [0.0, 9.0]
    mask = np.array([[1, 1, 0], [1, 1, 1]])
    assert compare(reference, candidate) == {"max_logit_difference": 9.0, "agreement": 0.5}
    assert compare(reference, candidate, mask=mask) == {
        "max_logit_difference": 0.0,
        "agreement": 1.0,
    }


def test_answers_are_compared_one_by_one():
    """A task may answer in lists, of fewer or more things than there are rows of logits."""
    outputs = {"logits": np.zeros((2, 3, 2)), "transitions": np.zeros((2, 4, 2))}
    other = {**outputs, "transitions": np.full((2, 4, 2), 0.25)}

    def decide(actual):
        return [["B-X"], ["O"] if actual["transitions"].any() else ["B-Y"], [], ["O"]]

    assert compare(outputs, other, decide, np.ones((2, 3))) == {
        "max_logit_difference": 0.25,
        "agreement": 0.75,
    }
    broken = {**other, "logits": np.full((2, 3, 2), np.nan)}
    assert compare(outputs, broken, decide)["agreement"] == 0.0


def test_other_shapes_and_empty_sets_fail():
    with pytest.raises(Failure, match=r"logits have shape \(2, 3\), .* Keras model \(2, 4\)"):
        compare(np.zeros((2, 4)), np.zeros((2, 3)))
    with pytest.raises(Failure, match="the dev set is empty"):
        compare(np.zeros((0, 4)), np.zeros((0, 4)))


def test_every_artefact_has_a_limit_of_its_own():
    assert set(registry.artifacts()) | {"keras"} == set(LIMITS)


EXACT = ["saved_model", "litert_float32", "litert_sparse", "litert_greedy", "keras", "unlisted"]


@pytest.mark.parametrize("name", EXACT)
def test_float_artefacts_are_judged_on_their_logits(name):
    check(name, GOOD)
    with pytest.raises(Failure, match=rf"{name} does not match .* difference 0.01, allowed 0.0001"):
        check(name, {"max_logit_difference": 1e-2, "agreement": 1.0})
    with pytest.raises(Failure, match=r"agreement 99\.00%, expected 100%"):
        check(name, {"max_logit_difference": 1e-6, "agreement": 0.99})


def test_half_precision_is_judged_on_logits_and_metric_but_may_disagree():
    result = {"max_logit_difference": 9e-3, "agreement": 0.99, "metric": 0.9, "metric_drop": 0.005}
    check("litert_float16", result)
    with pytest.raises(Failure, match="difference 0.02, allowed 0.01"):
        check("litert_float16", result | {"max_logit_difference": 0.02})
    with pytest.raises(Failure, match="a drop of 0.0060"):
        check("litert_float16", result | {"metric_drop": 0.006})


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("litert_dynamic", 0.02),
        ("litert_aeq_dynamic", 0.02),
        ("litert_int8", 0.10),
        ("litert_aeq_int8", 0.10),
        ("litert_int4", 0.10),
        ("litert_int4e", 0.10),
    ],
)
def test_quantized_artefacts_are_judged_on_the_metric(name, allowed):
    result = {"max_logit_difference": 3.0, "agreement": 0.8}
    check(name, result)
    check(name, result | {"metric": 0.9 - allowed, "metric_drop": allowed})
    check(name, result | {"metric": 0.95, "metric_drop": -0.05})
    lost = result | {"metric": 0.899 - allowed, "metric_drop": allowed + 0.001}
    with pytest.raises(Failure, match=rf"accuracy .* against 0.9000 .*, allowed {allowed:.2f}"):
        check(name, lost, "accuracy")


def test_a_metric_of_numbers_may_move_as_far_as_the_logits_of_an_exact_file():
    result = {"max_logit_difference": 1e-5, "agreement": 1.0, "metric": 0.5}
    check("litert_float32", result | {"metric_drop": 9e-5})
    with pytest.raises(Failure, match="pearson 0.5000 against 0.5002 .*, a drop of 0.0002"):
        check("litert_float32", result | {"metric_drop": 2e-4}, "pearson")


@pytest.mark.parametrize("name", sorted(LIMITS))
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_no_numbers_always_fail(name, value):
    reference = np.zeros((2, 2))
    candidate = np.array([[0.0, value], [0.0, 0.0]])
    result = compare(reference, candidate)
    assert result["agreement"] == 0.5
    with pytest.raises(Failure, match="not finite"):
        check(name, result)


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_tags_of_a_file_are_those_of_its_logits(name):
    result = {"max_logit_difference": 0.0, "agreement": 1.0}
    expected = 1.0 - LIMITS[name].drop
    check(name, result | {"tag_agreement": expected})
    with pytest.raises(
        Failure, match=f"tags found in the file .* 50.00% .* expected {expected:.0%}"
    ):
        check(name, result | {"tag_agreement": 0.5})


def test_a_limit_may_be_given():
    wrong = {"max_logit_difference": 3.0, "agreement": 0.99}
    with pytest.raises(Failure, match="agreement 99.00%, expected 100%"):
        check("litert_int8", wrong, limit=parity.EXACT)
    check("litert_float32", wrong, limit=LIMITS["litert_int8"])


def test_a_metric_that_is_no_number_fails():
    with pytest.raises(Failure, match="accuracy nan"):
        check("litert_int8", GOOD | {"metric": np.nan, "metric_drop": np.nan}, "accuracy")


def test_of_two_proofs_the_worse_figures_count():
    other = {"max_logit_difference": 0.5, "agreement": 0.9}
    assert worse(GOOD, other) == worse(other, GOOD) == other
    assert worse(GOOD, other | {"agreement": 1.0})["max_logit_difference"] == 0.5
