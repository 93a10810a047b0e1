"""Tables of a finished run: what was measured is told, what was not is a dash."""

import json

import pytest

from benchmarks.runs import figures
from tfapps.config import load as configs
from tfapps.runs.card import _note, artifact_table, card

METRICS = {
    "headline": "accuracy",
    "dev": {"keras": {"accuracy": 0.9}, "litert_int8": {"accuracy": 0.875}},
    "training": [{"seconds": 1.5}],
}
OLD = {
    "keras": {"bytes": 4_000_000},
    "litert_int8": {
        "bytes": 1_000_000,
        "metric_drop": 0.025,
        "agreement": 0.95,
        "max_logit_difference": 0.5,
        "p50_ms": 2.5,
    },
}
NEW = {
    "keras": {**OLD["keras"], "gzip_bytes": 3_600_000},
    "litert_int8": {**OLD["litert_int8"], "gzip_bytes": 750_000, "partitions": 7},
}


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize(
    ("proof", "keras", "int8"),
    [
        ({}, [*"--", "0.9000", *"-----"], [*"--", "0.8750", *"-----"]),
        (
            OLD,
            ["4.00", "-", "0.9000", *"-----"],
            ["1.00", "-", "0.8750", "0.0250", "0.9500", "0.500000", "-", "2.50"],
        ),
        (
            NEW,
            ["4.00", "3.60", "0.9000", *"-----"],
            ["1.00", "0.75", "0.8750", "0.0250", "0.9500", "0.500000", "7", "2.50"],
        ),
    ],
    ids=["unverified", "old", "new"],
)
def test_the_card_has_a_cell_for_every_figure(proof, keras, int8):
    header, rule, *rows = artifact_table("accuracy", METRICS, proof)
    assert cells(header)[1:4] == ["size (MB)", "gzip (MB)", "accuracy"]
    assert len(cells(rule)) == len(cells(header)) == 9
    assert [cells(row) for row in rows] == [["keras", *keras], ["litert_int8", *int8]]


@pytest.mark.parametrize(("proof", "more"), [(OLD, set()), (NEW, {"gzip_bytes", "partitions"})])
def test_the_results_take_old_and_new_runs(tmp_path, proof, more):
    (tmp_path / "metrics.json").write_text(json.dumps(METRICS | {"test": METRICS["dev"]}))
    (tmp_path / "verify.json").write_text(json.dumps(proof))
    (tmp_path / "config.yaml").write_text("data: {train: t.tsv, dev: 0.1, test: test.tsv}")
    actual = figures(tmp_path, {"0.1 of t.tsv": 20})
    expected = {"accuracy", *OLD["litert_int8"], *more} - {"metric_drop"}
    assert set(actual["artifacts"]["litert_int8"]) == expected
    assert actual["command"] == f"tfapps run configs/{tmp_path.name}.yaml"
    assert (actual["split"], actual["rows"]) == ("0.1 of t.tsv", 20)
    assert actual["test"]["split"] == "test.tsv"
    assert actual["test"]["artifacts"]["litert_int8"] == {"accuracy": 0.875}


@pytest.mark.parametrize(
    ("data", "synthetic"),
    [
        ({"source": "sample", "sample": "support_intents"}, True),
        ({"source": "parallel", "languages": ["de", "en"], "sample": "sentence_pairs"}, True),
        ({"source": "parallel", "languages": ["de", "en"]}, False),
        ({"source": "tsv", "train": "t", "dev": "d"}, False),
    ],
)
def test_samples_are_called_synthetic(data, synthetic):
    raw = {"task": {"name": "classification"}, "model": {"name": "bilstm"}, "data": data}
    assert _note(configs.from_dict(raw, "run")) == (
        ["The data is synthetic, written by the project itself."] if synthetic else []
    )


@pytest.mark.parametrize("exported", [["litert_float32"], ["litert_float32", "litert_greedy"]])
def test_the_card_distinguishes_greedy_files_from_beam_search(exported):
    raw = {
        "task": {"name": "translation"},
        "data": {"source": "parallel", "languages": ["de", "en"], "sample": "sentence_pairs"},
        "model": {"name": "seq2seq_lstm"},
        "export": exported,
    }
    text = card(configs.from_dict(raw, "run"), METRICS, {})
    explained = "litert_greedy takes the likeliest token each time, and is compared with" in text
    assert explained == ("litert_greedy" in exported)


def test_the_card_escapes_markdown_in_data():
    evil = "t.tsv\x1b[2J\u202e [x](http://evil) <b>\n# heading"
    data = {"source": "tsv", "train": evil, "dev": "d"}
    raw = {"task": {"name": "classification"}, "model": {"name": "bilstm"}, "data": data}
    text = card(configs.from_dict(raw, "run"), METRICS, {})
    assert r"train t.tsv\\x1b\[2J\\u202e \[x\](http://evil) &lt;b&gt; \# heading" in text
    assert text.count("\n# ") == 0
