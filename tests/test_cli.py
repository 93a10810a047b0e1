"""The command line, as a user meets it: one small run, then every verb on it."""

import json
import os
import subprocess
import sys

import pytest
from running import ROOT, process, tfapps

from tfapps.backends.litert import partitions

ARTIFACTS = ("keras", "saved_model", "litert_float32", "litert_dynamic", "litert_int8")


def bundle(workplace):
    return workplace / "saved_models" / "tiny"


def test_run_leaves_the_whole_bundle(workplace):
    files = {path.name for path in bundle(workplace).iterdir()}
    assert files == {
        "README.md",
        "architecture.json",
        "config.yaml",
        "confusion.png",
        "litert",
        "logs",
        "manifest.json",
        "metrics.json",
        "report.json",
        "report.txt",
        "saved_model",
        "text",
        "verify.json",
        "weights.safetensors",
    }


def test_every_artefact_is_measured(workplace):
    metrics = json.loads((bundle(workplace) / "metrics.json").read_text())
    proof = json.loads((bundle(workplace) / "verify.json").read_text())
    assert metrics["headline"] == "accuracy"
    assert set(metrics["dev"]) == set(proof) == set(ARTIFACTS)
    for name in ("saved_model", "litert_float32"):
        assert proof[name]["max_logit_difference"] <= 1e-4
        assert proof[name]["agreement"] == 1.0
        assert proof[name]["metric_drop"] == 0.0
    assert proof["litert_int8"]["bytes"] < 0.5 * proof["litert_float32"]["bytes"]
    assert all(0 < proof[name]["gzip_bytes"] < proof[name]["bytes"] for name in ARTIFACTS)
    with_partitions = [name for name in ARTIFACTS if proof[name].get("partitions", 0) > 0]
    assert with_partitions == [name for name in ARTIFACTS if name.startswith("litert_")]


def test_output_without_a_terminal_is_one_plain_line_an_epoch(workplace):
    log = (workplace / "run.log").read_text()
    assert sum(line.startswith("epoch ") for line in log.splitlines()) == 2
    assert "\r" not in log


def test_a_second_run_has_nothing_left_to_do(workplace):
    before = (bundle(workplace) / "manifest.json").read_bytes()
    again = tfapps("run", "tiny.yaml", cwd=workplace)
    assert again.returncode == 0
    assert "already trained" in again.stdout
    assert "already exported and verified" in again.stdout
    assert (bundle(workplace) / "manifest.json").read_bytes() == before


def test_two_runs_with_one_seed_give_identical_metrics(workplace):
    again = tfapps("train", "tiny.yaml", "name=again", "export=[]", cwd=workplace)
    assert again.returncode == 0, again.stderr
    twin = workplace / "saved_models" / "again"
    first = json.loads((bundle(workplace) / "metrics.json").read_text())
    second = json.loads((twin / "metrics.json").read_text())
    assert first["dev"]["keras"] == second["dev"]["keras"]
    weights = "weights.safetensors"
    assert (bundle(workplace) / weights).read_bytes() == (twin / weights).read_bytes()


@pytest.mark.parametrize("artifact", ARTIFACTS)
def test_evaluate_repeats_what_verify_measured(workplace, artifact):
    done = tfapps(
        "evaluate", "tiny", "--data", "dev.tsv", "--artifact", artifact, "--json", cwd=workplace
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    metrics = json.loads((bundle(workplace) / "metrics.json").read_text())
    assert report["artifact"] == artifact
    assert report["rows"] == 24
    assert report["metrics"] == pytest.approx(metrics["dev"][artifact], abs=1e-5)


def test_predict_takes_arguments_and_lines(workplace):
    by_argument = tfapps("predict", "tiny", "I want the pear", "a saw", cwd=workplace)
    by_line = process("predict", "tiny", "-", cwd=workplace, stdin="I want the pear\na saw\n")
    assert by_argument.returncode == 0, by_argument.stderr
    assert by_argument.stdout == by_line.stdout
    answers = [json.loads(line) for line in by_argument.stdout.splitlines()]
    assert [answer["text"] for answer in answers] == ["I want the pear", "a saw"]
    assert all(answer["label"] in ("fruit", "tool") for answer in answers)


@pytest.mark.parametrize("artifact", ["keras", "saved_model", "litert_float32"])
def test_artefacts_answer_alike(workplace, artifact):
    reference = tfapps("predict", "tiny", "--artifact", "keras", "the drill", cwd=workplace)
    done = tfapps("predict", "tiny", "--artifact", artifact, "the drill", cwd=workplace)
    assert done.returncode == 0, done.stderr
    ours, theirs = json.loads(done.stdout), json.loads(reference.stdout)
    assert ours["label"] == theirs["label"]
    assert ours["score"] == pytest.approx(theirs["score"], abs=1e-4)


def test_a_very_long_text_is_cut_and_counted(workplace):
    done = tfapps("predict", "tiny", "-", cwd=workplace, stdin="apple " * 170_000 + "\n")
    assert done.returncode == 0
    assert "1 text(s) truncated to the model's length" in done.stderr


def test_litert_is_served_without_tensorflow(workplace):
    code = (
        "import sys; from tfapps.cli.main import main; "
        "code = main(['predict', 'tiny', '--artifact', 'litert_float32', 'a pear']); "
        "heavy = {'tensorflow', 'keras', 'sklearn', 'matplotlib'} & set(sys.modules); "
        "sys.exit(code or len(heavy) and str(heavy))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=workplace,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", ["--help", "list"])
def test_help_and_list_do_not_load_tensorflow(verb):
    code = (
        "import sys; from tfapps.cli.main import main\n"
        f"try: main(['{verb}'])\n"
        "except SystemExit: pass\n"
        "sys.exit(len({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if verb == "list":
        assert "bert, bilstm" in done.stdout
        assert "intents_bert_sample" in done.stdout


def test_inspect_shows_one_batch_without_training(workplace):
    done = tfapps("inspect", "tiny.yaml", "name=looked_at", cwd=workplace)
    assert done.returncode == 0, done.stderr
    for part in ("# config", "train  64 rows", "token_ids", "parameters"):
        assert part in done.stdout
    assert not (workplace / "saved_models" / "looked_at").exists()


def test_benchmark_has_a_line_for_each_artefact(workplace):
    done = tfapps("benchmark", "tiny", "--rows", "5", "--json", cwd=workplace)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert set(figures) == set(ARTIFACTS) - {"saved_model"}
    for name in figures:
        assert name in done.stdout
        assert figures[name]["p95_ms"] >= figures[name]["p50_ms"] > 0


def test_compare_prints_what_verify_measured(workplace):
    done = tfapps("compare", "tiny", "saved_models/tiny", "--json", cwd=workplace)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    proof = json.loads((bundle(workplace) / "verify.json").read_text())
    assert {row["artifact"] for row in report["rows"]} == set(ARTIFACTS)
    for row in report["rows"]:
        for key in ("bytes", "gzip_bytes", "partitions", "p50_ms"):
            assert row[key] == proof[row["artifact"]].get(key)
    assert (workplace / "compare.png").is_file()


def test_the_error_for_a_missing_artefact_lists_the_available_ones(workplace):
    done = tfapps("predict", "tiny", "--artifact", "litert_int4", "x", cwd=workplace)
    assert done.returncode == 2
    assert "litert_float32" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_run_is_refused(workplace):
    done = process("predict", "tinny", "x", cwd=workplace)
    assert done.returncode == 2
    assert "tinny" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_float32_bert_is_one_delegate_partition(workplace):
    proof = json.loads((bundle(workplace) / "verify.json").read_text())
    counted = partitions(bundle(workplace) / "litert" / "float32.tflite")
    assert proof["litert_float32"]["partitions"] == counted == 1
