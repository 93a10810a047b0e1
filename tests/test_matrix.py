"""Features together: every two values of any two axes meet in a run, or the config refuses them.

A new plug-in is an additional value here, unedited. Steps of TensorFlow are executed one by one,
which is quicker than tracing them for a few batches. `make test` runs all rows of the tiny runs
of tasks, and opens those that hold most pairs again; `make test-slow` opens all of them, and runs
those with variants of tasks and with ensembles.
"""

import functools
import json
import re

import keras
import pytest
import tiny
import tiny_runs
import yaml
from covering import array, ordered, pairs
from running import tfapps
from tiny_runs import RUNS, TASK_OF

from tfapps import registry
from tfapps.config import load as configs
from tfapps.errors import ConfigError

CASES = {name: {"name": TASK_OF[name], **run.task} for name, run in RUNS.items()}
CASES |= {
    "-".join([task, *more]): {"name": task, **more}
    for task in registry.names("task")
    for more in tiny.of(task).variants
    if more and not any(run.after for run in tiny.of(task).runs.values())
}
SHORT = {"encoder": 6, "seq2seq": 5}  # `max_length`: a search takes a step for each token
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
    "case": list(RUNS),
    "model": defaults_first("model", "bert"),
    "tuner": defaults_first("tuner", "full"),
    "objective": defaults_first("objective", "plain"),
    "mean": list(MEANS),
    "compressor": ["none", *registry.names("compressor")],
    "dev": ["file", "fraction"],
    "test": ["none", "fraction"],
    "lengths": ["one", "two"],
    "precision": ["float32", "mixed_bfloat16"],
}
DEFAULT = {axis: values[0] for axis, values in AXES.items()}
VARIED = {**AXES, "case": list(CASES)}
SETS = {
    "quick": AXES,
    "variants": VARIED,
    "ensembles": {**VARIED, "ensemble": registry.names("ensemble")},
}


def raw(row, rows=()):
    """The config of a row, but for its data; its teacher is one of the rows if any will do."""
    tuner, objective, run = row["tuner"], row["objective"], RUNS.get(row["case"])
    short = SHORT[registry.plugin("model", row["model"]).provides]
    made = {
        "task": CASES[row["case"]],
        "model": {**tiny.section("model", row["model"]), "max_length": short},
        "text": {"vocabulary_size": 90, "min_frequency": 1},
        "tuning": tiny.section("tuner", tuner),
        "objective": {"name": objective},
        "train": {
            "epochs": 1 if row["mean"] == "none" else 2,
            "batch_size": 12,
            "learning_rate": 1.0e-3,
            "precision": row["precision"],
            **MEANS[row["mean"]],
        },
        "lengths": [short - 2] if row["lengths"] == "two" else [],
    }
    if run and run.after and row["model"] == run.model["name"]:
        made["model"] = {**run.model, "max_length": short}
        del made["text"]
    if objective == "distill":
        made["objective"]["teacher"] = f"saved_models/{name_of(teacher(row, rows))}"
    if objective == "contrastive":
        made["train"]["per_label"] = 2
    if row["compressor"] != "none":
        name = row["compressor"]
        settings = registry.load("compressor", name).Config.model_fields
        epochs = {"epochs": 1} if "epochs" in settings else {}
        made["compress"] = [{**tiny.section("compressor", name), **epochs}]
    if "ensemble" in row:
        made["ensemble"] = {"name": row["ensemble"], "members": 2}
    return made


def teacher(row, rows):
    """The run that a row with `distill` learns from, as a row; the same vocabulary as the row's."""
    alike = {axis: row[axis] for axis in ("case", "model", "dev", "test")}
    able = {"compressor": "none"} | alike
    plain = (r for r in rows if r["objective"] != "distill" and "ensemble" not in r)
    fits = (r for r in plain if able.items() <= r.items())
    return next(fits, DEFAULT | alike)


def name_of(row):
    return re.sub("[^A-Za-z0-9]+", "_", "-".join(row.values()))


def needed(row, rows):
    """Rows that are run before a row, by name."""
    names = RUNS[row["case"]].after if row["case"] in RUNS else ()
    before = {name: DEFAULT | {"case": name} for name in names}
    if row["objective"] == "distill":
        first = teacher(row, rows)
        before[name_of(first)] = first
    return before


def data(row):
    """The data of a row, in a folder of its own."""
    run = RUNS.get(row["case"]) or RUNS[CASES[row["case"]]["name"]]
    shares = {split: 0.25 for split in ("dev", "test") if row[split] == "fraction"}
    return {**run.data, "root": "data", **shares}


def allowed(row):
    """Whether the config of a row is accepted."""
    try:
        configs.from_dict({**raw(row), "data": data(row)}, "matrix")
    except ConfigError:
        return False
    return True


@functools.cache
def covered(name):
    """(rows, refused pairs) of a set of axes, see `covering.array`."""
    return array(SETS[name], allowed, leading=("case", "model"))


def rows_of(name):
    return covered(name)[0]


OPENED = 40  # rows that `make test` opens and runs again: they hold three of four pairs


def cases(opened):
    """The rows of the quick set; those that add few pairs are slow where they are opened again."""
    for place, row in enumerate(ordered(rows_of("quick"))):
        if place >= OPENED or opened:
            marks = [pytest.mark.slow] if opened and place >= OPENED else []
            yield pytest.param(row, id=name_of(row), marks=marks)


def test_every_value_is_in_a_row_and_no_refused_pair():
    rows, refused = covered("quick")
    met = set().union(*map(pairs, rows))
    assert not met & refused
    for axis, values in AXES.items():
        assert {row[axis] for row in rows} == set(values)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"tuner": "lora"},
            "tuning: lora works on dense layers, which model 'bilstm' does not have",
        ),
        (
            {"tuner": "prefix"},
            "tuning: prefix works on attention, which model 'bilstm' does not have",
        ),
        (
            {"compressor": "prune_structured"},
            "compress[0]: prune_structured works on transformer blocks, which model 'bilstm' "
            "does not have; models that have it: bert",
        ),
        (
            {"compressor": "trim_vocabulary", "model": "bilstm_cnn"},
            "compress[0]: trim_vocabulary works on word pieces, which model 'bilstm_cnn' "
            "does not have",
        ),
    ],
)
def test_a_part_that_the_model_has_not_is_refused_by_the_config(change, problem):
    row = DEFAULT | {"model": "bilstm"} | change
    with pytest.raises(ConfigError, match=re.escape(problem)):
        configs.from_dict({**raw(row), "data": data(row)}, "matrix")


def test_a_student_with_another_tokenizer_is_refused_where_answers_do_not_compare():
    row = DEFAULT | {"case": "tagging", "objective": "distill", "compressor": "trim_vocabulary"}
    with pytest.raises(ConfigError, match=r"compress\[0\]: trim_vocabulary changes the tokenizer"):
        configs.from_dict({**raw(row), "data": data(row)}, "matrix")
    row |= {"case": "classification"}
    accepted = {**raw(row), "data": data(row)}
    configs.from_dict(accepted, "matrix")
    accepted["objective"] |= {"states": 1.0}
    with pytest.raises(ConfigError, match=r"compress\[0\]: trim_vocabulary changes the tokenizer"):
        configs.from_dict(accepted, "matrix")


def test_training_a_head_alone_is_refused_where_there_is_none():
    row = DEFAULT | {"case": "translation", "model": "seq2seq_lstm", "tuner": "freeze"}
    with pytest.raises(ConfigError, match="tuning: freeze .*, but translation has no newly init"):
        configs.from_dict({**raw(row), "data": data(row)}, "matrix")


@pytest.mark.parametrize(
    ("case", "ensemble", "problem"),
    [
        ("tagging", "voting", "ensemble: voting combines answers of classification, not of"),
        ("many_labels", "stacking", "ensemble: stacking needs one right class a text; use voting"),
        ("many_labels", "boosting", "ensemble: boosting needs one right class a text; use voting"),
    ],
)
def test_an_ensemble_that_does_not_fit_is_refused_by_the_config(case, ensemble, problem):
    row = {**DEFAULT, "case": case, "ensemble": ensemble}
    with pytest.raises(ConfigError, match=re.escape(problem)):
        configs.from_dict({**raw(row), "data": data(row)}, "matrix")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of data, and of runs of the rows."""
    folder = tmp_path_factory.mktemp("matrix")
    (folder / "data").mkdir()
    for split, count in (("train", 12), ("dev", 8)):
        tiny_runs.write_data(folder / "data", split, count)
    return folder


def start(folder, row, name, rows, verb="run"):
    """Run the config of a row."""
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"export": [], **raw(row, rows), "data": data(row)}))
    done = tfapps(verb, path, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


# TensorFlow says that data pipelines stay graphs, which is as it should be.
pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run:")


def runs(folder, row, rows):
    """The row is run, after those that it needs; returns the name of its run."""
    for name, before in needed(row, rows).items():
        if not (folder / "saved_models" / name).exists():
            start(folder, before, name, rows)
    name, verb = name_of(row), "ensemble" if "ensemble" in row else "run"
    start(folder, row, name, rows, verb)
    assert keras.config.dtype_policy().name == "float32"  # that of a run is its own
    metrics = json.loads((folder / "saved_models" / name / "metrics.json").read_text())
    assert metrics["dev"]["keras"][metrics["headline"]] is not None
    assert list(metrics.get("test", {})) == ["keras"] * (row["test"] == "fraction")
    return name


def lasts(folder, row, rows):
    """The row is run, answers again as it was judged, and is not run twice."""
    name = runs(folder, row, rows)
    metrics = json.loads((folder / "saved_models" / name / "metrics.json").read_text())
    value = metrics["dev"]["keras"][metrics["headline"]]
    if row["dev"] == "file":
        file = folder / "data" / data(row)["dev"]
        command = ("evaluate", name, "--data", file, "--artifact", "keras", "--json")
        judged = tfapps(*command, cwd=folder)
        assert judged.returncode == 0, judged.stdout + judged.stderr
        again = json.loads(judged.stdout.splitlines()[-1])["metrics"]
        assert again[metrics["headline"]] == pytest.approx(value, abs=1e-6)
    if "ensemble" not in row:
        assert "already trained" in start(folder, row, name, rows).stdout


@pytest.mark.parametrize("row", [*cases(opened=False)])
def test_pair_of_features_runs(row, place, step_by_step):
    runs(place, row, rows_of("quick"))


@pytest.mark.parametrize("row", [*cases(opened=True)])
def test_pair_of_features_lasts(row, place, step_by_step):
    lasts(place, row, rows_of("quick"))


@pytest.mark.slow
@pytest.mark.parametrize("axes", ["variants", "ensembles"])
@pytest.mark.parametrize("case", CASES)
def test_pairs_of_features_last(case, axes, place, step_by_step):
    for row in rows_of(axes):
        if row["case"] == case:
            lasts(place, row, rows_of(axes))
