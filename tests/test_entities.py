"""Metrics of entities, against hand counts and against seqeval."""

import pytest
from seqeval.metrics import classification_report, f1_score
from seqeval.scheme import IOB2

from tfapps.metrics import entities

TRUTH = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "O", "B-ORG"], ["B-LOC", "O", "O"]]
SAID = [["B-PER", "I-PER", "O", "B-ORG"], ["O", "B-LOC", "B-ORG"], ["I-LOC", "O", "O"]]


def test_counted_by_hand():
    """Right are PER, ORG and, but not strictly, the LOC with an I-; 5 are said, 4 there."""
    actual = entities.scores(TRUTH, SAID)
    assert actual["precision"] == pytest.approx(3 / 5)
    assert actual["recall"] == pytest.approx(3 / 4)
    assert actual["f1"] == pytest.approx(2 / 3)
    assert actual["strict_f1"] == pytest.approx(2 * (2 / 4) * (2 / 4) / (2 / 4 + 2 / 4))
    assert actual["token_micro_f1"] == pytest.approx(7 / 10)


def test_scores_are_those_of_seqeval():
    actual = entities.scores(TRUTH, SAID)
    assert actual["f1"] == pytest.approx(f1_score(TRUTH, SAID))
    assert actual["strict_f1"] == pytest.approx(f1_score(TRUTH, SAID, mode="strict", scheme=IOB2))
    report = entities.report(TRUTH, SAID)
    for name, options in (("entities", {}), ("strict", {"mode": "strict", "scheme": IOB2})):
        theirs = classification_report(TRUTH, SAID, output_dict=True, zero_division=0, **options)
        for label, row in theirs.items():
            assert report[name][label] == pytest.approx(row)


def test_averages_of_tags_have_o_among_them():
    tokens = entities.report(TRUTH, SAID)["tokens"]
    assert tokens["O"]["support"] == 5
    assert tokens["micro avg"]["support"] == 10
    rows = [row for label, row in tokens.items() if not label.endswith("avg")]
    mean = sum(row["recall"] for row in rows) / len(rows)
    assert tokens["macro avg"]["recall"] == pytest.approx(mean)
    weighted = sum(row["recall"] * row["support"] for row in rows) / 10
    assert tokens["weighted avg"]["recall"] == pytest.approx(weighted)


def test_no_entity_true_or_predicted():
    nothing = [["O", "O"]]
    assert entities.scores(nothing, nothing)["f1"] == 0.0
    assert entities.scores(nothing, nothing)["token_micro_f1"] == 1.0
    assert entities.scores([["B-X", "O"]], nothing)["strict_f1"] == 0.0


def test_table_for_people():
    text = entities.report_text(entities.report(TRUTH, SAID))
    lines = [line.split() for line in text.splitlines()]
    assert ["PER", "1.0000", "1.0000", "1.0000", "1"] in lines
    assert ["micro", "avg", "0.6000", "0.7500", "0.6667", "4"] in lines
    assert "entities, strict (IOB2)" in text


def test_labels_of_no_entity_are_named_below_the_tables():
    text = entities.report_text(entities.report(TRUTH, SAID), ["PER", "LOC", "MISC", "a\x1bb"])
    assert text.splitlines()[-1] == r"absent (no entity, none predicted): MISC, a\x1bb"
