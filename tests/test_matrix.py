"""Features together: every two values of any two axes meet in a run, or the config refuses them.

A new plug-in is an additional value here, unedited. `make test` runs the rows below with the steps
of TensorFlow executed one by one, which is quicker than tracing them for a few batches; `make
test-slow` traces them and exports as well.
"""

import functools
import json
import re

import pytest
import tensorflow as tf
import tiny
import yaml
from covering import array, pairs
from running import tfapps

from tfapps import config, registry
from tfapps.errors import ConfigError

CASES = {
    "classification": {"name": "classification"},
    "multi_label": {"name": "classification", "multi_label": True},
} | {
    "-".join([task, *(str(value) for value in more.values() if isinstance(value, str | bool))]): {
        "name": task,
        **more,
    }
    for task in registry.names("task")
    for more in tiny.VARIANTS.get(task, [{}])
    if {"name": task, **more} != {"name": "classification"}
}
COMPRESSORS = {"prune": {"sparsity": 0.5}, "prune_structured": {"units": 0.5}, "cluster": {"clusters": 8}}
MEANS = {
    "none": {},
    "patience": {"patience": 1},
    "average": {"average": 2, "patience": 1},
    "ema": {"ema": 0.5, "patience": 1},
    "swa": {"swa": 0.5, "patience": 1},
}


def defaults_first(kind, default):
    return [default, *(name for name in registry.names(kind) if name != default)]


AXES = {
    "case": list(CASES),
    "model": defaults_first("model", "bert"),
    "tuner": defaults_first("tuner", "full"),
    "objective": defaults_first("objective", "plain"),
    "mean": list(MEANS),
    "compressor": ["none", *registry.names("compressor")],
    "dev": ["file", "fraction"],
    "lengths": ["one", "two"],
    "precision": ["float32", "mixed_bfloat16"],
}
ENSEMBLES = registry.names("ensemble")


def raw(row):
    """The config of a row, but for its data."""
    tuner, objective = row["tuner"], row["objective"]
    made = {
        "task": CASES[row["case"]],
        "model": {"name": row["model"], **tiny.MODELS[row["model"]]},
        "text": {"vocabulary_size": 40, "min_frequency": 1},
        "tuning": {"name": tuner, **tiny.TUNERS.get(tuner, {})},
        "objective": {"name": objective},
        "train": {
            "epochs": 2,
            "batch_size": 12,
            "learning_rate": 1.0e-3,
            "precision": row["precision"],
            **MEANS[row["mean"]],
        },
        "lengths": [8] if row["lengths"] == "two" else [],
    }
    if objective == "distill":
        made["objective"]["teacher"] = f"saved_models/{teacher(row)['name']}"
    if objective == "contrastive":
        made["train"]["per_label"] = 2
    if row["compressor"] != "none":
        name = row["compressor"]
        settings = registry.load("compressor", name).Config.model_fields
        epochs = {"epochs": 1} if "epochs" in settings else {}
        made["compress"] = [{"name": name, **epochs, **COMPRESSORS.get(name, {})}]
    if "ensemble" in row:
        made["ensemble"] = {"name": row["ensemble"], "members": 2}
    return made


def teacher(row):
    """The config of the run that a row with `distill` learns from."""
    plain = {axis: values[0] for axis, values in AXES.items()}
    own = {axis: row[axis] for axis in ("case", "model", "dev")}  # which decide the vocabulary
    name = re.sub("[^A-Za-z0-9]+", "_", "-".join(["teacher", *own.values()]))
    return {"name": name, **raw({**plain, **own})}


def data(row):
    """Where the data of a row would be, for a check of the config alone."""
    sources = {"masked_lm": "corpus", "translation": "parallel"}
    source = sources.get(CASES[row["case"]]["name"], "jsonl")
    dev = 0.25 if row["dev"] == "fraction" else "dev"
    languages = {"languages": ["de", "en"]} if source == "parallel" else {}
    columns = {"text": "text", "label": "label"} if source == "jsonl" else {}
    return {"source": source, "train": "train", "dev": dev, **languages, **columns}


def allowed(row):
    """Whether the config of a row is accepted."""
    try:
        config.from_dict({**raw(row), "data": data(row)}, "matrix")
    except ConfigError:
        return False
    return True


@functools.cache
def covered(together=False):
    """The rows of runs, or with `together` those of ensembles."""
    axes = {**AXES, "ensemble": ENSEMBLES} if together else AXES
    return array(axes, allowed, leading=("case", "model"))


ROWS = [pytest.param(row, id="-".join(row.values())) for row in covered()[0]]


def test_every_value_is_in_a_row_and_no_refused_pair():
    rows, refused = covered()
    met = set().union(*map(pairs, rows))
    assert not met & refused
    for axis, values in AXES.items():
        assert {row[axis] for row in rows} == set(values)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"tuner": "lora"}, "tuning: lora works on dense layers, which model 'bilstm' has not"),
        ({"tuner": "prefix"}, "tuning: prefix works on attention, which model 'bilstm' has not"),
        (
            {"compressor": "prune_structured"},
            "compress[0]: prune_structured works on transformer blocks, which model 'bilstm' has "
            "not; models that have: bert",
        ),
        (
            {"compressor": "trim_vocabulary", "model": "bilstm_cnn"},
            "compress[0]: trim_vocabulary works on word pieces, which model 'bilstm_cnn' has not",
        ),
    ],
)
def test_a_part_that_the_model_has_not_is_refused_by_the_config(change, problem):
    row = {axis: values[0] for axis, values in AXES.items()} | {"model": "bilstm"} | change
    with pytest.raises(ConfigError, match=re.escape(problem)):
        config.from_dict({**raw(row), "data": data(row)}, "matrix")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of configs, data and runs."""
    return tmp_path_factory.mktemp("matrix")


def written(folder, row, made):
    """The file of a config, its data beside it."""
    case = CASES[row["case"]]
    data_folder = folder / row["case"]
    data_folder.mkdir(exist_ok=True)
    section = tiny.write(case["name"], data_folder, case.get("multi_label", False))
    section["root"] = str(data_folder)
    if row["dev"] == "fraction":
        section["dev"] = 0.25
    path = folder / f"{made['name']}.yaml"
    path.write_text(yaml.safe_dump({**made, "data": section}))
    return path


@pytest.fixture
def step_by_step():
    """Functions of TensorFlow run as Python: for a few batches that is quicker than a trace."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def runs(folder, row):
    """The row is run, answers again as it was judged, and is not run twice."""
    if row["objective"] == "distill":
        made = teacher(row)
        path = written(folder, row, made)
        if not (folder / "saved_models" / made["name"]).exists():
            done = tfapps("run", path, cwd=folder)
            assert done.returncode == 0, done.stdout + done.stderr
    name = re.sub("[^A-Za-z0-9]+", "_", "-".join(row.values()))
    path = written(folder, row, {"name": name, **raw(row)})
    verb = "ensemble" if "ensemble" in row else "run"
    done = tfapps(verb, path, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    metrics = json.loads((folder / "saved_models" / name / "metrics.json").read_text())
    headline = metrics["headline"]
    assert metrics["dev"]["keras"][headline] is not None
    if row["dev"] == "file":
        file = next((folder / row["case"]).glob("dev.*"))
        command = ("evaluate", name, "--data", file, "--artifact", "keras", "--json")
        judged = tfapps(*command, cwd=folder)
        assert judged.returncode == 0, judged.stdout + judged.stderr
        again = json.loads(judged.stdout.splitlines()[-1])["metrics"]
        assert again[headline] == pytest.approx(metrics["dev"]["keras"][headline], abs=1e-6)
    if verb == "run":
        assert "already trained" in tfapps(verb, path, cwd=folder).stdout


@pytest.mark.parametrize("row", ROWS)
def test_pair_of_features_runs(row, place, step_by_step):
    runs(place, row)
