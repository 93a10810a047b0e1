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
        "metric_drop": 0.03,
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
    header, rule, *rows, blank, dev, drop = artifact_table("accuracy", METRICS, proof)
    assert cells(header)[1:4] == ["size (MB)", "gzip (MB)", "accuracy (dev)"]
    assert len(cells(rule)) == len(cells(header)) == 9
    assert [cells(row) for row in rows] == [["keras", *keras], ["litert_int8", *int8]]
    assert blank == ""
    assert dev.startswith("dev: the rows that chose the best epoch")
    assert drop == "drop: what is lost on dev against keras."


TESTED = {
    "test": {"keras": {"accuracy": 0.88}, "litert_int8": {"accuracy": 0.871}},
    "tested": {
        "keras": {"rows": 412, "interval": [0.8450, 0.9080]},
        "litert_int8": {"rows": 412, "interval": None},
    },
}


def test_test_figures_have_their_rows_and_their_interval():
    header, _, keras, int8, *lines = artifact_table("accuracy", METRICS | TESTED, NEW)
    assert cells(header)[3:5] == ["accuracy (dev)", "accuracy (test)"]
    assert cells(keras)[3:5] == ["0.9000", "0.8800 (0.845 to 0.908)"]
    assert cells(int8)[3:5] == ["0.8750", "0.8710"]
    assert "test: 412 rows that nothing was trained or chosen on; in brackets" in "\n".join(lines)


def test_a_test_figure_of_an_older_run_has_no_interval():
    older = METRICS | {"test": {"keras": {"accuracy": 0.88}}}
    _, _, keras, int8, *lines = artifact_table("accuracy", older, NEW)
    assert (cells(keras)[4], cells(int8)[4]) == ("0.8800", "-")
    assert not any("95 %" in line for line in lines)


COMPRESSED = {
    "uncompressed": {"dev": {"accuracy": 0.95}, "bytes": 9_000_000, "gzip_bytes": 8_000_000},
    "compression": [
        {"name": "trim_vocabulary", "dev": {"accuracy": 0.94}, "report": {"pieces": 30522}},
        {"name": "qat", "dev": {"accuracy": 0.9}, "report": {}},
    ],
}


def test_drops_are_against_the_model_before_compression_and_the_card_has_each_step():
    raw = {"task": {"name": "classification"}, "model": {"name": "bilstm"}}
    raw["data"] = {"source": "tsv", "train": "t", "dev": "d"}
    text = card(configs.from_dict(raw, "run"), METRICS | COMPRESSED, NEW)
    tables = [cells(line) for line in text.splitlines() if line.startswith("|")]
    assert tables[2] == ["uncompressed", "9.00", "8.00", "0.9500", *"-----"]
    assert [row[4] for row in tables[3:5]] == ["0.0500", "0.0750"]
    assert tables[7:] == [
        ["trained", "0.9500", ""],
        ["trim_vocabulary", "0.9400", "pieces 30522"],
        ["qat", "0.9000", ""],
    ]
    assert "drop: what is lost on dev against the model before compression." in text


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
