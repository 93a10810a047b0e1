"""From one file to the file to ship: three splits, what compression cost, and the gate."""

import json

import pytest
from running import CNN, copied, eagerly, tfapps, write_rows

from tfapps.bundle.bundle import Bundle
from tfapps.config import load as configs
from tfapps.data import splits
from tfapps.errors import Failure
from tfapps.metrics.intervals import wilson
from tfapps.runs import gate
from tfapps.serve.artifacts import preferred
from tfapps.stages import gating, testing

ONE_FILE = f"""
task: {{name: classification}}
data: {{source: tsv, train: all.tsv}}
model: {{{CNN}, max_length: 12}}
text: {{vocabulary_size: 90, min_frequency: 1}}
train: {{epochs: 1, batch_size: 16, learning_rate: 1.0e-2}}
compress: [{{name: trim_vocabulary}}, {{name: prune, sparsity: 0.5, epochs: 1}}]
export: [litert_float32, litert_dynamic]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with one file of rows, and the run that was made of it."""
    folder = tmp_path_factory.mktemp("shipping")
    write_rows(folder / "all.tsv", 80)
    (folder / "tiny.yaml").write_text(ONE_FILE, encoding="utf-8")
    with eagerly():
        done = tfapps("run", "tiny.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr + done.stdout
    (folder / "run.log").write_text(done.stdout, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(place):
    return Bundle.open(place / "saved_models/tiny")


def test_the_test_rows_are_judged_for_every_file_with_their_number_and_interval(place, run):
    metrics = run.metrics
    assert set(metrics["test"]) == set(metrics["dev"]) == {"keras", *run.proof}
    config = configs.load(run.config_path).data.model_copy(update={"root": str(place)})
    held_out = splits.load(config, 13)["test"]
    assert len(held_out) == 8
    for name, figures in metrics["test"].items():
        right = round(figures["accuracy"] * 8)
        expected = {"rows": 8, "repeated": 0, "interval": pytest.approx(wilson(right, 8))}
        assert metrics["tested"][name] == expected
    (place / "test.tsv").write_text(
        "text\tlabel\n" + "".join(f"{row['text']}\t{row['label']}\n" for row in held_out)
    )
    command = ("evaluate", "tiny", "--data", "test.tsv", "--artifact", "litert_dynamic", "--json")
    done = tfapps(*command, cwd=place)
    assert "note:" not in done.stdout
    again = json.loads(done.stdout.splitlines()[-1])
    assert again["rows"] == 8
    assert again["metrics"]["accuracy"] == metrics["test"]["litert_dynamic"]["accuracy"]


def test_figures_on_the_training_file_are_called_too_good(place, run):
    done = tfapps("evaluate", "tiny", "--data", "all.tsv", cwd=place)
    assert "note: the run was trained on rows of all.tsv, so these figures are too" in done.stdout


def test_test_rows_with_a_text_of_train_are_counted():
    train = [{"text": "a", "label": "x"}, {"text": "b", "text_pair": "c"}, {"tokens": ["d", "e"]}]
    test = [{"text": "a", "label": "y"}, {"text": "b", "text_pair": "d"}, {"tokens": ["d", "e"]}]
    assert testing._repeated(test, train) == 2


def test_the_model_before_compression_is_what_drops_are_against(place, run):
    before, dev = run.metrics["uncompressed"], run.metrics["dev"]
    assert before["bytes"] > run.proof["keras"]["bytes"]
    assert [step["name"] for step in run.metrics["compression"]] == ["trim_vocabulary", "prune"]
    drop = before["dev"]["accuracy"] - dev["litert_float32"]["accuracy"]
    row = next(line for line in table(place) if line[0].startswith("litert_float32"))
    assert row[5] == f"{drop:.4f}"
    assert table(place)[2][0] == "uncompressed"


def table(place):
    log = (place / "run.log").read_text().splitlines()
    return [line.strip("| ").split(" | ") for line in log if line.startswith("|")]


def test_the_last_lines_say_what_to_ship_and_how_to_try_it(place, run):
    *_, recommended, command = (place / "run.log").read_text().splitlines()
    assert recommended.startswith("recommended: saved_models/tiny/litert/dynamic.tflite, 0.0")
    low, high = run.metrics["tested"]["litert_dynamic"]["interval"]
    assert recommended.endswith(f" on 8 test rows (95 %: {low:.3f} to {high:.3f})")
    assert command == 'try it: tfapps predict saved_models/tiny "your text"'
    card = (run.path / "README.md").read_text()
    assert "| litert_dynamic (recommended) |" in card
    assert "8 rows that nothing was trained or chosen on" in card


def test_the_gate_is_judged_anew_without_training_or_verifying(place):
    copied(place, "other")
    done = tfapps("run", "tiny.yaml", "name=other", "--max-mb", "1e-6", cwd=place)
    assert done.returncode == 1
    assert "already exported and verified" in done.stdout
    assert "no file is within the gate (max_drop: 0.125, max_mb: 1e-06); nearest is" in done.stderr
    other = Bundle.open(place / "saved_models/other")
    assert other.metrics["recommended"] is None
    assert configs.load(other.config_path).gate.max_mb == 1e-6
    assert tfapps("run", "tiny.yaml", "name=other", cwd=place).returncode == 0
    written = (place / "saved_models/other/manifest.json").stat().st_mtime_ns
    assert tfapps("run", "tiny.yaml", "name=other", cwd=place).returncode == 0
    assert (place / "saved_models/other/manifest.json").stat().st_mtime_ns == written
    assert Bundle.open(other.path).metrics["recommended"] == "litert_dynamic"


# The choice

FILES = {  # metric on dev, bytes, milliseconds
    "keras": (0.9, 9e6, None),
    "litert_float32": (0.9, 8e6, 3.0),
    "litert_dynamic": (0.89, 4e6, 2.0),
    "litert_int8": (0.86, 2e6, 0.5),
}


def judged(gate_section=None, files=FILES, before=None, task="classification"):
    """A config with this gate, and the figures of files."""
    translates = task == "translation"
    headline = "bleu" if translates else "accuracy"
    data = {"source": "tsv", "train": "a.tsv"}
    if translates:
        data = {"source": "parallel", "languages": ["de", "en"], "train": "a.tsv"}
    raw = {"task": {"name": task}, "data": data, "gate": gate_section}
    raw["model"] = {"name": "seq2seq_lstm" if translates else "bilstm"}
    metrics = {"headline": headline}
    metrics["dev"] = {name: {headline: metric} for name, (metric, *_) in files.items()}
    if before is not None:
        metrics["uncompressed"] = {"dev": {headline: before}, "bytes": 1, "gzip_bytes": 1}
    proof = {name: {"bytes": int(size), "p50_ms": ms} for name, (_, size, ms) in files.items()}
    return configs.from_dict(raw, "run"), metrics, proof


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (None, "litert_dynamic"),
        ({"max_drop": 0.04}, "litert_int8"),
        ({"max_drop": 0.0}, "litert_float32"),
        ({"max_drop": 0.1, "max_mb": 3}, "litert_int8"),
        ({"max_ms": 2.5}, "litert_dynamic"),
    ],
)
def test_the_smallest_file_within_the_gate_is_recommended(section, expected):
    assert gate.choose(*judged(section)) == gate.Choice(expected)


@pytest.mark.parametrize(
    ("section", "nearest"),
    [
        ({"max_mb": 3}, "litert_dynamic, 4.00 MB"),
        ({"max_mb": 1}, "litert_int8, a drop of 0.0400 and 2.00 MB"),
        ({"max_ms": 0.1, "max_drop": 0.1}, "litert_int8, 0.50 ms"),
    ],
)
def test_the_nearest_file_is_named_where_none_is_within_the_gate(section, nearest):
    assert gate.choose(*judged(section)) == gate.Choice(None, nearest)


def test_a_single_dev_row_may_be_lost_unless_the_gate_says_otherwise():
    config, metrics, proof = judged()
    assert gate.choose(config, metrics | {"dev_rows": 24}, proof).recommended == "litert_int8"
    assert gate.choose(config, metrics | {"dev_rows": 26}, proof).recommended == "litert_dynamic"
    config, metrics, proof = judged({"max_drop": 0.0})
    assert gate.choose(config, metrics | {"dev_rows": 24}, proof).recommended == "litert_float32"


def test_the_loss_counts_against_the_model_before_compression():
    assert gate.choose(*judged(before=0.905)).recommended == "litert_dynamic"
    assert gate.choose(*judged(before=0.915)).recommended == "litert_float32"
    assert gate.choose(*judged(before=0.95)).nearest == "litert_float32, a drop of 0.0500"


def test_a_drop_of_bleu_is_of_100_points():
    files = {"keras": (30.0, 9, None), "litert_dynamic": (28.5, 2, 1.0), "litert_int8": (27, 1, 1)}
    assert gate.choose(*judged(files=files, task="translation")).recommended == "litert_dynamic"


def test_nothing_is_recommended_of_a_run_without_files():
    assert gate.choose(*judged({"max_mb": 1}, {"keras": FILES["keras"]})) == gate.Choice()


def test_a_gate_that_the_config_does_not_state_fails_no_run(place, run, capsys, monkeypatch):
    monkeypatch.setattr(gate, "choose", lambda *_: gate.Choice(None, "litert_int8, 4.00 MB"))
    config = configs.load(run.config_path)
    gating.report(config, run)
    assert "recommended: none, as no file is within the gate" in capsys.readouterr().out
    with pytest.raises(
        Failure, match=r"no file is within the gate .*nearest is litert_int8, 4\.00"
    ):
        gating.report(config.model_copy(update={"gate": gate.GateConfig()}), run)


# The file that answers


@pytest.mark.parametrize(
    ("recommended", "expected"),
    [
        ("litert_int8", "litert_int8"),
        ("saved_model", "litert_float32"),
        ("litert_int4", "litert_float32"),
        (None, "litert_float32"),
        (["litert_int8"], "litert_float32"),
    ],
)
def test_the_recommended_file_answers_unless_it_is_code(recommended, expected):
    available = ["keras", "saved_model", "litert_float32", "litert_int8"]
    assert preferred(available, recommended) == expected
