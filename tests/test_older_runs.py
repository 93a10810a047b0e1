"""Runs of older versions stay valid: they open, answer, and are not trained again."""

import json
import shutil

import pytest
from running import ROOT, tfapps

from tfapps import registry
from tfapps.config import load as configs
from tfapps.config import sections

OLDER = ROOT / "tests/fixtures/older"
DEFAULTS = json.loads((OLDER / "defaults.json").read_text(encoding="utf-8"))
OPTIONS = [(kind, name) for kind, names in DEFAULTS.items() for name in names]
SECTIONS = {"text": sections.TextConfig, "train": sections.TrainConfig, "draw": sections.DrawConfig}
ANSWERS = {"I want the plum number 3": "fruit", "I want the drill number 4": "tool"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("older")
    for name in ("older.yaml", "train.tsv", "dev.tsv"):
        shutil.copy(OLDER / name, folder)
    shutil.copytree(OLDER / "run", folder / "saved_models/older")
    return folder


@pytest.mark.parametrize(("kind", "name"), OPTIONS)
def test_options_have_the_order_and_the_defaults_that_fingerprints_know(kind, name):
    section = SECTIONS[name] if kind == "section" else registry.load(kind, name).Config
    required = {key: None for key, field in section.model_fields.items() if field.is_required()}
    dumped = section.model_construct(**required).model_dump(mode="json", warnings=False)
    assert list(dumped.items()) == list(DEFAULTS[kind][name].items())


def test_a_config_is_dumped_as_it_was(place):
    loaded = configs.load(place / "older.yaml")
    stored = (OLDER / "run/config.yaml").read_text(encoding="utf-8")
    assert configs.dump(loaded) == stored
    assert configs.load(OLDER / "run/config.yaml") == loaded


def test_an_older_run_is_not_trained_again(place):
    done = tfapps("run", "older.yaml", cwd=place)
    assert done.returncode == 0, done.stderr
    for line in ("already trained with this config and data", "already exported and verified"):
        assert f"older: {line}\n" in done.stdout


@pytest.mark.parametrize("artifact", ["keras", "litert_float32"])
def test_an_older_run_answers(place, artifact):
    stored = json.loads((OLDER / "run/metrics.json").read_text(encoding="utf-8"))
    done = tfapps("predict", "older", *ANSWERS, "--artifact", artifact, cwd=place)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert {answer["text"]: answer["label"] for answer in answers} == ANSWERS
    options = ("--data", "dev.tsv", "--artifact", artifact, "--json")
    done = tfapps("evaluate", "older", *options, cwd=place)
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout.splitlines()[-1])["metrics"]
    assert metrics["accuracy"] == stored["dev"][artifact]["accuracy"] == 1.0


@pytest.mark.slow
def test_an_older_run_is_exported_and_verified(place):
    for verb in ("export", "verify"):
        done = tfapps(verb, "older.yaml", "export=[litert_dynamic]", cwd=place)
        assert done.returncode == 0, done.stderr + done.stdout
    proof = json.loads((place / "saved_models/older/verify.json").read_text(encoding="utf-8"))
    assert "litert_dynamic" in proof
