"""What trains a run anew and what does not: every option of every section is one or the other."""

import json
from typing import Literal, get_args, get_origin

import pytest
import yaml
from running import copied, tfapps

from tfapps import registry
from tfapps.bundle.bundle import Bundle
from tfapps.bundle.manifest import digest
from tfapps.config import effects, sections
from tfapps.config import load as configs
from tfapps.runs import fingerprints

RAW = {
    "task": {"name": "classification"},
    "data": {"source": "tsv", "train": "train.tsv", "dev": "dev.tsv"},
    "model": {"name": "bilstm"},
}
RUN = configs.from_dict(RAW, "run")
# Every marked option. An option that is not here counts: the test below changes it and sees.
MARKED = {
    ("task", "classification"): {"threshold"},
    ("task", "intent_slots"): {"unseen_intent"},
    ("task", "masked_lm"): {"top_k"},
    ("task", "translation"): {
        "beam",
        "length_penalty",
        "coverage_penalty",
        "copy_unknown",
        "n_best",
    },
    ("train", "train"): {"log_every", "checkpoint_every", "histograms"},
    ("run", "run"): {
        *("name", "split_seed", "compress", "export"),
        *("lengths", "gate", "verify", "probabilities", "search"),
    },
}
PLACES = {
    "task": "task",
    "source": "data",
    "model": "model",
    "tuner": "tuning",
    "objective": "objective",
    "ensemble": "ensemble",
}
SECTIONS = {
    (place, name): registry.load(kind, name).Config
    for kind, place in PLACES.items()
    for name in registry.names(kind)
} | {
    ("text", "text"): sections.TextConfig,
    ("train", "train"): sections.TrainConfig,
    ("draw", "draw"): sections.DrawConfig,
}


def section_of(section):
    """A section with all defaults; what is required is a text."""
    required = {key: "x" for key, field in section.model_fields.items() if field.is_required()}
    return section.model_construct(**required)


def another(value, annotation):
    """Another value of the type of an option."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str) and get_origin(annotation) is Literal:
        return next(choice for choice in get_args(annotation) if choice != value)
    if isinstance(value, str):
        return f"{value}x"
    kinds = [annotation, *get_args(annotation)]
    if get_origin(annotation) in (list, tuple) or any(
        get_origin(k) in (list, tuple) for k in kinds
    ):
        return [1]
    choices = [k for k in kinds if get_origin(k) is Literal]
    if choices:
        return get_args(choices[0])[0]
    return next((kind(1) for kind in (int, float, str, bool) if kind in kinds), "x")


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("key", SECTIONS, ids="-".join)
def test_every_option_counts_or_is_marked(key):
    place, _ = key
    section = section_of(SECTIONS[key])
    before = configs.dump(effects.reset(RUN.model_copy(update={place: section})))
    unread = set()
    for name, field in type(section).model_fields.items():
        value = another(getattr(section, name), field.annotation)
        changed = section.model_copy(update={name: value})
        after = configs.dump(effects.reset(RUN.model_copy(update={place: changed})))
        assert (after == before) == (effects.mark(field) is not None), name
        unread |= {name} if after == before else set()
    assert unread == MARKED.get(key, set())


def test_every_option_of_a_whole_run_counts_or_is_marked():
    fields = sections.RunConfig.model_fields
    assert {n for n, field in fields.items() if effects.mark(field)} == MARKED["run", "run"]
    first = fingerprints.fingerprint(RUN, {})
    changes = {"name": "other", "split_seed": 5, "export": ["saved_model"], "lengths": [8]}
    changes |= {"probabilities": True, "gate": sections.GateConfig(max_mb=3.0)}
    changes |= {"verify": sections.VerifyConfig(max_mb=3.0)}
    changes["compress"] = [registry.load("compressor", "qat").Config()]
    changes["search"] = registry.load("search", "random").Config.model_construct(space={})
    for name, value in changes.items():
        assert fingerprints.fingerprint(RUN.model_copy(update={name: value}), {}) == first, name
    assert fingerprints.fingerprint(RUN.model_copy(update={"seed": 14}), {}) != first


def test_every_option_of_a_compressor_counts():
    for name in registry.names("compressor"):
        section = section_of(registry.load("compressor", name).Config)
        assert not [n for n, f in type(section).model_fields.items() if effects.mark(f)], name


def test_runs_that_leave_marked_options_out_keep_the_fingerprint_of_older_versions():
    assert fingerprints.fingerprint(RUN, {}) == fingerprints.full(RUN, {})
    other = configs.from_dict({**RAW, "train": {"log_every": 3}}, "run")
    assert fingerprints.fingerprint(other, {}) == fingerprints.fingerprint(RUN, {})
    assert fingerprints.full(other, {}) != fingerprints.full(RUN, {})


@pytest.mark.parametrize("form", [fingerprints.fingerprint, fingerprints.full])
def test_a_run_is_known_by_both_forms_of_its_fingerprint(form, tmp_path):
    config = configs.from_dict({**RAW, "train": {"log_every": 3}}, "run")
    bundle = Bundle(tmp_path, {"files": {}, "stages": {"train": form(config, {})}})
    assert fingerprints.trained_by(bundle, config, {})
    changed = config.model_copy(update={"seed": 14})
    assert not fingerprints.trained_by(bundle, changed, {})


def test_answers_are_part_of_what_an_unfinished_training_is_known_by():
    raw = {**RAW, "task": {"name": "classification", "threshold": 0.3, "multi_label": True}}
    assert fingerprints.answers_key(RUN) == ""
    assert fingerprints.answers_key(configs.from_dict(raw, "run")) == '{"task.threshold": 0.3}'


def copy_of(workplace, name):
    copied(workplace, name)
    text = (workplace / "tiny.yaml").read_text(encoding="utf-8")
    raw = yaml.safe_load(text) | {"export": ["litert_float32"]}
    (workplace / f"{name}.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    return workplace / "saved_models" / name


def test_a_run_logged_otherwise_is_not_trained_again(workplace):
    run = copy_of(workplace, "logged")
    changes = ("train.log_every=7", "train.checkpoint_every=9")
    done = tfapps("run", "logged.yaml", *changes, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "logged: already trained with this config and data\n" in done.stdout
    assert "evaluating again" not in done.stdout
    original = Bundle.open(workplace / "saved_models/tiny").manifest
    assert Bundle.open(run).manifest["stages"]["train"] == original["stages"]["train"]


def test_a_run_with_other_answers_is_evaluated_again_and_not_trained(workplace):
    run = copy_of(workplace, "answers")
    before = Bundle.open(run)
    (run / "metrics.json").write_text(
        json.dumps({**before.metrics, "dev": {"keras": {"accuracy": -1}}, "robustness": {}})
    )
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["files"]["metrics.json"] = digest(run / "metrics.json")
    (run / "manifest.json").write_text(json.dumps(manifest))
    done = tfapps("verify", "answers.yaml", "task.threshold=0.3", cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "answers: task.threshold changed, evaluating again\n" in done.stdout
    after = Bundle.open(run)
    assert after.metrics["dev"]["keras"] == before.metrics["dev"]["keras"]
    assert after.metrics["training"] == before.metrics["training"]
    assert "robustness" not in after.metrics
    assert set(after.proof) == {"keras", "litert_float32"}
    assert configs.load(after.config_path).task.threshold == 0.3
    weights = "weights.safetensors"
    assert after.manifest["files"][weights] == before.manifest["files"][weights]
    done = tfapps("run", "answers.yaml", "task.threshold=0.3", cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "already trained" in done.stdout
    assert "evaluating again" not in done.stdout
