"""Every shipped config runs at tiny size, on files of the same form as its own data."""

import json
import re

import pytest
import yaml
from running import ROOT
from shrinking import options, small, tiny_options, write_data

from tfapps import registry
from tfapps.cli.main import main
from tfapps.config import load as configs

CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


def kind(path):
    """Task, head, model and compressors: what decides which graph is exported."""
    raw = yaml.safe_load(path.read_text())
    head = raw["task"].get("head", "crf" if raw["task"].get("crf") else None)
    compressors = tuple(item["name"] for item in raw.get("compress", []))
    # What tuners that stay in the graph, and ensembles, make of it.
    tuner = raw.get("tuning", {}).get("name")
    more = (tuner if tuner in ("adapter", "prefix") else None, raw.get("ensemble", {}).get("name"))
    return raw["task"]["name"], head, raw["model"]["name"], compressors, more


def plain(path):
    """What runs longer comes later: embedded data, then sections beyond the least."""
    raw = yaml.safe_load(path.read_text())
    return "sample" in raw["data"], len(raw)


# A conversion costs more than a tiny training, and those of one kind differ in numbers alone.
PLAINEST = sorted(CONFIGS, key=plain)
EXPORTING = {kind(path): path for path in reversed(PLAINEST)}.values()
QUICK = {kind(path)[:3:2]: path for path in reversed(PLAINEST)}  # of a task with a model


def at_leisure(path):
    """The config, left to `make test-slow` if one like it is run, or a test of its own is.

    `make test` runs the plainest of each task with each model. Heads are run by test_contract.py
    and test_few_shot.py, objectives by test_distill.py and test_adversarial.py, compressors by
    test_compress.py, together and with an export, and by the tests of each, tuners by
    test_tuned_runs.py, ensembles by test_ensembles.py, all of them by test_matrix.py, a translator
    that is a transformer by test_translation_small.py.
    """
    quick = path in QUICK.values() and "transformer" not in kind(path)[2]
    return pytest.param(path, id=path.stem, marks=[] if quick else [pytest.mark.slow])


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_headers_state_command_cost_and_metric(path):
    header = path.read_text().split("task:")[0]
    verb = "ensemble" if "ensemble:" in path.read_text() else "run"
    assert f"tfapps {verb} configs/{path.name}" in header
    assert "minutes" in header or "network" in header
    assert re.search(r"\b\d+\.\d|network|not (been )?measured", header.replace("\n# ", " "))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_config_is_valid_as_shipped(path):
    assert configs.load(path).name == path.stem


def looked_at():
    """All configs; those that look in no way as none before are left to `make test-slow`."""
    seen, cases = set(), []
    for path in CONFIGS:
        raw = yaml.safe_load(path.read_text())
        many, staged = raw["task"].get("multi_label"), "short_first" in raw["train"]
        looks = set(enumerate((*kind(path)[:3], raw["data"]["source"], many, staged)))
        marks = [pytest.mark.slow] if looks <= seen else []
        cases.append(pytest.param(path, id=path.stem, marks=marks))
        seen |= looks
    return cases


@pytest.mark.parametrize("path", looked_at())
def test_config_can_be_inspected(path, tmp_path, monkeypatch, capfd):
    raw = yaml.safe_load(path.read_text())
    overrides = ["text.min_frequency=1", "text.vocabulary_size=300", "objective=null"]
    overrides += tiny_options(raw) + write_data(tmp_path, raw, raw["task"])
    stages = 1
    if "short_first" in raw["train"]:  # which `write_data` leaves out
        overrides += ["train.short_first=8", "train.batch_size=8", "train.batch_tokens=null"]
        stages = 2
    more = small(raw)[1:]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFAPPS_DATA", str(tmp_path))
    assert main(["inspect", str(path), *overrides, *more]) == 0, capfd.readouterr()
    shown = capfd.readouterr().out
    batch = shown.split("# first batch\n")[1].split("\n\n")[0].splitlines()
    assert sum(line.startswith("rows x length: ") for line in batch) == stages
    assert sum(line.startswith("  ") for line in batch) == 3
    assert "parameters, " in shown.splitlines()[-1]
    assert not (tmp_path / "saved_models").exists()


@pytest.mark.parametrize("path", [at_leisure(path) for path in CONFIGS])
def test_config_runs_at_tiny_size(path, tmp_path, monkeypatch, capfd):
    raw = yaml.safe_load(path.read_text())
    overrides = options(tmp_path, raw)
    compressors = [item["name"] for item in raw.get("compress", [])]
    # The float32 file of a quantized model leaves its activations unrounded: another function. What
    # is only compressed needs no conversion either: the run that it comes from has one.
    artifact = "saved_model" if compressors else "litert_float32"
    overrides += [f"export=[{artifact if path in EXPORTING else ''}]"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFAPPS_DATA", str(tmp_path))
    verb, *more = small(raw)
    if "teacher" in raw.get("objective", {}):
        name = raw["objective"]["teacher"].rpartition("/")[2]
        of_teacher = [line for line in overrides if not line.startswith("export")]
        teacher = ["objective=null", "export=[]", f"name={name}", *more]
        assert main(["train", str(path), *of_teacher, *teacher]) == 0, capfd.readouterr()
    assert main([verb, str(path), *overrides, *more]) == 0, capfd.readouterr()
    bundle = tmp_path / "saved_models" / path.stem
    notes = json.loads((bundle / "metrics.json").read_text()).get("compression", [])
    assert [note["name"] for note in notes] == compressors
    proof = json.loads((bundle / "verify.json").read_text())
    if path not in EXPORTING:
        assert list(proof) == ["keras"]
        return
    # A rounded value between two steps falls either way: of a tagger, which has logits for every
    # word, some differ by a step; a translation goes on from there, one in twelve.
    rounded = "qat" in compressors
    task = registry.load("task", raw["task"]["name"]).Task
    assert proof[artifact]["max_logit_difference"] <= (
        0.05 if rounded and task.tags_words else 1e-4
    )
    translated = rounded and task.form == "seq2seq"
    assert proof[artifact]["agreement"] >= (0.9 if translated else 1.0)
