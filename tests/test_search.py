"""Searches: what a space may say, and that what is found trains as if written by hand."""

import json
import math
import os

import pytest
import yaml
from running import CNN, TINY, tfapps, write_rows

from tfapps import registry
from tfapps.bundle import replace
from tfapps.config import load as configs
from tfapps.config import sections
from tfapps.errors import ConfigError, Failure, InputError
from tfapps.runs.fingerprints import fingerprint
from tfapps.search.base import Rung
from tfapps.search.parts.dimensions import Dimensions
from tfapps.search.parts.drive import drive, planned
from tfapps.stages import tune as stage
from tfapps.train.history import History, Record

RATES = {"low": 1e-5, "high": 1e-1, "log": True}
SPACE = {"train.learning_rate": RATES, "train.batch_size": [16, 32, 64]}


def tiny(**search):
    raw = yaml.safe_load(TINY)
    raw["model"]["layers"] = 1
    return {**raw, "search": search} if search else raw


def refused(space, name="random", **more):
    with pytest.raises(ConfigError) as caught:
        configs.from_dict(tiny(name=name, space=space, **more), "run")
    return caught.value.problems


# What a space may say


def test_a_config_without_a_search_has_none():
    run = configs.from_dict(tiny(), "run")
    assert run.search is None
    assert "search" not in configs.dump(run)


def test_a_search_loads_back_as_it_was_dumped():
    run = configs.from_dict(tiny(name="bayesian", trials=3, space=SPACE), "run")
    assert (run.search.trials, run.search.space) == (3, SPACE)
    assert configs.from_dict(yaml.safe_load(configs.dump(run)), "run") == run


@pytest.mark.parametrize("name", registry.names("search"))
def test_every_search_takes_trials_and_a_space(name):
    raw = {**tiny(name=name, trials=4, space=SPACE), "train": {"epochs": 9}}
    assert configs.from_dict(raw, "run").search.name == name


@pytest.mark.parametrize(
    ("dimension", "says"),
    [
        ({"low": 0.1, "high": 0.1}, "got low 0.1 and high 0.1, expected low < high"),
        ({"low": 0, "high": 1, "log": True}, "got low 0 with log, expected low > 0"),
        ({"low": 0.1, "high": 1.0, "step": 0}, "got step 0, expected step > 0"),
        (
            {"low": 0.1, "high": 1.0, "step": 1, "log": True},
            "got step with log 1, expected step with log > 1",
        ),
        (
            {"low": 0.1, "high": 1.0, "step": 2},
            "got step 2, which leads from low 0.1 beyond high",
        ),
        (
            {"low": 2.0, "high": -1.0, "log": True, "step": 0.5},
            "got low 2.0 and high -1.0, expected low < high; "
            "got step with log 0.5, expected step with log > 1",
        ),
        ([], "got an empty list, expected one choice or more"),
        (
            0.1,
            "got 0.1 (float), expected a list of choices or a mapping with low and high",
        ),
    ],
)
def test_wrong_dimensions_are_refused(dimension, says):
    assert refused({"train.learning_rate": dimension}) == [
        f"search.space.train.learning_rate: {says}"
    ]


def test_keys_of_a_range_are_strict():
    assert refused({"train.l2": {"low": "small", "hihg": 1.0}}) == [
        "search.space.train.l2.low: got 'small' (str), expected int or float",
        "search.space.train.l2.high: missing; expected int or float",
        "search.space.train.l2.hihg: unknown key; did you mean 'high'?; known: low, high, step, "
        "log",
    ]


def test_both_ends_and_all_choices_go_through_the_config():
    assert refused(
        {
            "train.warmup": {"low": 0.0, "high": 1.5},
            "train.log_every": [1, 0, "two"],
            "train.learnin_rate": RATES,
            "model.max_length": {"low": 8, "high": 16, "step": 0.5},
            "task.name.x": [1],
            "train..l2": [0.0],
            3: [1],
        }
    ) == [
        "search.space: train.warmup: got 1.5 (float), expected float >= 0 and <= 1",
        "search.space: train.log_every: got 0 (int), expected int >= 1",
        "search.space: train.log_every: got 'two' (str), expected int >= 1",
        "search.space: train.learnin_rate: unknown key; did you mean 'learning_rate'?; known: "
        + ", ".join(sections.TrainConfig.model_fields),
        "search.space: model.max_length: got 8.5 (float), expected int >= 2",
        "search.space: task.name is 'classification' (str), not a mapping; give task.name= as a "
        "whole",
        "search.space.train..l2: expected a dotted key, such as train.learning_rate",
        "search.space.3: expected a dotted key, such as train.learning_rate",
    ]


def test_problems_of_config_and_space_are_reported_together_and_once():
    raw = tiny(name="rendom", space={"train.log_every": [0]})
    raw["train"]["batch_size"] = 0
    with pytest.raises(ConfigError) as caught:
        configs.from_dict(raw, "run")
    assert caught.value.problems == [
        "train.batch_size: got 0 (int), expected int >= 1 and <= 1000000",
        "search.name: unknown search 'rendom': expected one of bayesian, hyperband, random; did "
        "you mean 'random'?",
        "search.space: train.log_every: got 0 (int), expected int >= 1",
    ]


@pytest.mark.parametrize("path", ["name", "export", "compress", "ensemble.name", "search.trials"])
def test_what_a_trial_does_not_read_is_refused(path):
    assert refused({path: [1]}) == [
        f"search.space.{path}: a trial only trains, which does not read it; leave it out"
    ]


def test_an_empty_space_is_refused():
    assert refused({}) == [
        "search.space: got {} (dict), expected mapping of at least 1",
    ]


def test_hyperband_sets_the_epochs_and_needs_some():
    assert refused({"train.epochs": [1, 2]}, "hyperband") == [
        "search.space.train.epochs: hyperband sets it itself; leave it out",
        "search.factor: got 3, expected at most train.epochs, 2: no trial could be shorter",
    ]


def test_a_plugin_may_be_a_choice_as_a_whole(tmp_path):
    models = [{"name": "bert", "size": "mini"}, {"name": "bilstm"}]
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(tiny(name="random", space={"model": models})))
    variant = configs.variants(file)
    settings = variant({"model.max_length": 12, "model": models[1]})
    assert (settings.model.name, settings.model.max_length, settings.search) == ("bilstm", 12, None)


def test_a_search_does_not_change_the_fingerprint():
    without, with_one = (
        configs.from_dict(raw, "run") for raw in (tiny(), tiny(name="random", space=SPACE))
    )
    other = configs.from_dict({**tiny(), "seed": 14}, "run")
    rows = {"train": [{"text": "a", "label": "b"}]}
    assert fingerprint(without, rows) == fingerprint(with_one, rows)
    assert fingerprint(without, rows) != fingerprint(other, rows)


# From what Optuna draws to values


def all_values(raw, full=False):
    """Every value that a dimension of choices or whole numbers can have."""
    dimensions = Dimensions({"x": raw}, lambda path: full)
    number = dimensions.distributions()["x"]
    places = getattr(number, "choices", None) or range(number.low, number.high + 1)
    return [dimensions.values({"x": place})["x"] for place in places]


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        ([None, True, 1, 0.5, "a"], [None, True, 1, 0.5, "a"]),
        (["only"], ["only"]),
        ({"low": 0.0, "high": 0.3, "step": 0.1}, [0.0, 0.1, 0.2, 0.3]),
        ({"low": 1e-3, "high": 1.0, "step": 10, "log": True}, [1e-3, 1e-2, 1e-1, 1.0]),
        ({"low": 0, "high": 1, "step": 0.4}, [0.0, 0.4, 0.8]),
    ],
)
def test_every_choice_and_step_can_be_drawn(raw, values):
    got = all_values(raw)
    assert got == values
    assert list(map(type, got)) == list(map(type, values))


def test_whole_numbers_stay_whole():
    assert all_values({"low": 4, "high": 64, "step": 2, "log": True}, True) == [4, 8, 16, 32, 64]
    got = all_values({"low": 3, "high": 5}, True)
    assert got == [3, 4, 5]
    assert {type(value) for value in got} == {int}


def test_floats_are_short_and_inside():
    space = {"x": RATES, "y": {"low": 0.123464, "high": 0.2}, "z": {"low": 0, "high": 50}}
    got = Dimensions(space, lambda path: False).values(
        {"x": 0.00123456789, "y": 0.1234641, "z": 33.33333}
    )
    assert got == {"x": 0.001235, "y": 0.123464, "z": 33.33}


# The searches, on a function that is cheap to judge


def searched(name, space=SPACE, **more):
    """Search a hill whose top is at a rate of 1e-3 and a batch of 32: all trials, and how many."""
    section = registry.load("search", name).Config(space=space, **more)
    kind = registry.plugin("search", name)
    brackets = planned(kind, section, 9)
    seen = []

    def judge(values):
        far = abs(math.log10(values["train.learning_rate"]) + 3)
        height = -far - abs(values.get("train.batch_size", 32) - 32) / 16
        epochs = values.get("train.epochs")
        seen.append((height, {p: v for p, v in values.items() if p != "train.epochs"}, epochs))
        return height

    dimensions = Dimensions(space, lambda path: False)
    drive(kind.sampler(section, 13), brackets, dimensions, judge)
    return seen, sum(rung.trials for rungs in brackets for rung in rungs)


@pytest.mark.parametrize(
    ("name", "more"), [("random", {"trials": 120}), ("hyperband", {"rounds": 5})]
)
def test_random_searches_come_near_the_best(name, more):
    seen, total = searched(name, **more)
    height, values, _ = max(seen, key=lambda trial: trial[0])
    assert values["train.batch_size"] == 32
    assert height > -0.2
    assert len(seen) == total


def test_bayesian_search_finds_the_best():
    rates = {"train.learning_rate": RATES}
    seen, total = searched("bayesian", rates, trials=9, random=4)
    heights = [height for height, *_ in seen]
    assert len(heights) == total == 9
    assert max(heights[4:]) > max(max(heights[:4]), -0.1)


def test_hyperband_trains_the_best_for_longer():
    seen, _ = searched("hyperband")
    assert {epochs for *_, epochs in seen} == {1, 3, 9}
    (first,) = {values["train.learning_rate"] for _, values, epochs in seen[:1]}
    assert seen[0][2] == 1
    bracket = [trial for trial in seen[:13] if trial[2] == 1]
    best = max(bracket, key=lambda trial: trial[0])
    longer = [values for _, values, epochs in seen if epochs == 9]
    assert best[1] in longer
    assert first in {values["train.learning_rate"] for _, values, _ in bracket}


def test_hyperband_can_be_stopped():
    seen, total = searched("hyperband", trials=5)
    assert len(seen) == total == 5


def test_an_error_ends_a_search_as_it_was_raised():
    kind = registry.plugin("search", "random")

    def judge(values):
        raise ZeroDivisionError("as it was")

    dimensions = Dimensions(SPACE, lambda path: False)
    with pytest.raises(ZeroDivisionError, match="as it was"):
        drive(kind.sampler(None, 13), [[Rung(3)]], dimensions, judge)


# The stage, with trainings that are made up


@pytest.fixture
def place(tmp_path, monkeypatch):
    write_rows(tmp_path / "train.tsv", 16)
    write_rows(tmp_path / "dev.tsv", 8, start=16)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFAPPS_DATA", str(tmp_path))
    return tmp_path


class Trainings:
    """Stands for `fit_trial`: judges by the learning rate, and remembers."""

    def __init__(self, monkeypatch):
        self.seen = []
        self.raises = {}
        self.judge = lambda rate: 1.0 - abs(math.log10(rate) + 3) / 10
        monkeypatch.setattr(stage, "fit_trial", self)

    def __call__(self, run, log_dir, values):
        self.seen.append(run)
        error = self.raises.pop(len(self.seen), None)
        if error:
            raise error
        metric = self.judge(run.train.learning_rate)
        record = Record(float(run.train.epochs), 1, 0.0, {"accuracy": metric}, 0.0, 0.0, 0.0)
        return History("accuracy", [record], record.epoch, metric)


@pytest.fixture
def trainings(monkeypatch):
    return Trainings(monkeypatch)


def tuned(place, *overrides, **search):
    search = {"name": "random", "trials": 6, "space": SPACE, **search}
    file = place / "hill.yaml"
    file.write_text(yaml.safe_dump(tiny(**search)), encoding="utf-8")
    stage.tune(configs.load(file, overrides), configs.variants(file, overrides))
    return place / "saved_models" / "hill_search"


def trials(folder):
    return json.loads((folder / "trials.json").read_text(encoding="utf-8"))


def test_the_best_trial_is_written_as_a_whole_config(place, trainings, capsys):
    folder = tuned(place)
    best = max(trials(folder), key=lambda row: row["metric"])
    actual = configs.load(folder / "best.yaml")
    assert actual.name == "hill_best"
    assert actual.search is None
    variant = configs.variants(place / "hill.yaml")
    assert actual == variant({**best["values"], "name": "hill_best"})
    assert {run.seed for run in trainings.seen} == {13}
    assert sorted(best) == ["epochs", "failed", "headline", "metric", "seconds", "trial", "values"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[:6]] == [f"trial {i}/6" for i in range(1, 7)]
    assert lines[6].split() == ["trial", "accuracy", *sorted(SPACE)]
    assert len(lines) == 6 + 1 + 5 + 2
    assert lines[7].split()[0] == str(int(best["trial"]) + 1)
    assert lines[-1] == f"tfapps run {folder.relative_to(place) / 'best.yaml'}"


@pytest.mark.parametrize(
    ("metric", "warning"),
    [
        (0.75, "warning: all 6 trials have accuracy 0.7500, so none is better than another."),
        (
            0.5,
            "warning: the best trial has learned nothing that its dev set shows: accuracy 0.5000, "
            "and 0.5000 without reading a text (fruit for every text).",
        ),
    ],
)
def test_trials_that_tie_end_with_a_warning(metric, warning, place, trainings, capsys):
    trainings.judge = lambda rate: metric
    tuned(place)
    *_, command, last = capsys.readouterr().out.splitlines()
    assert command.startswith("tfapps run")
    assert last.startswith(warning)
    assert "Widen the ranges of search.space" in last


@pytest.mark.parametrize("name", registry.names("search"))
def test_a_killed_search_resumes(name, place, trainings):
    options = {"name": name, "trials": 8}
    overrides = ("train.epochs=9",)
    trainings.raises[5] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        tuned(place, *overrides, **options)
    killed = trials(tuned(place, *overrides, **options))
    assert len(trainings.seen) == 5 + 4
    full = trials(tuned(place, *overrides, "name=whole", **options).with_name("whole_search"))
    assert [row["values"] for row in killed] == [row["values"] for row in full]
    assert [row["metric"] for row in killed] == [row["metric"] for row in full]


def test_two_processes_do_not_search_in_one_folder(place, trainings):
    folder = tuned(place)
    handle = replace.lock(folder, folder)
    try:
        with pytest.raises(InputError, match="another process is writing it"):
            tuned(place)
    finally:
        os.close(handle)


def test_more_trials_may_be_asked_for_later(place, trainings):
    tuned(place)
    assert len(trials(tuned(place, trials=8))) == 8
    assert len(trainings.seen) == 8


@pytest.mark.parametrize("change", ["space", "config", "data"])
def test_another_search_in_the_same_folder_is_refused(change, place, trainings):
    folder = tuned(place)
    if change == "data":
        write_rows(place / "train.tsv", 18)
    overrides = ["train.l2=0.1"] if change == "config" else []
    space = {**SPACE, "train.l2": [0.0]} if change == "space" else SPACE
    with pytest.raises(InputError) as caught:
        tuned(place, *overrides, space=space)
    assert str(caught.value) == (
        f"{folder.relative_to(place)} holds trials of another space, config or data; remove the "
        "folder, or search under another name (name=...)"
    )
    assert len(trainings.seen) == 6


def test_a_foreign_folder_is_not_overwritten(place, trainings):
    (place / "saved_models" / "hill_search").mkdir(parents=True)
    (place / "saved_models" / "hill_search" / "thesis.txt").touch()
    with pytest.raises(InputError, match="it holds something else; move it away"):
        tuned(place)


def test_a_failed_trial_counts_and_the_search_continues(place, trainings, capsys):
    trainings.raises = {number: Failure("the loss became nan") for number in (1, 2, 3, 4)}
    rows = trials(tuned(place))
    assert [row["failed"] for row in rows] == ["the loss became nan"] * 4 + [None] * 2
    captured = capsys.readouterr()
    assert "trial 1/6  failed: the loss became nan  train." in captured.out
    assert captured.err == ""
    tuned(place)
    assert len(trainings.seen) == 6


def test_a_failed_trial_of_hyperband_does_not_stop_the_others(place, trainings):
    trainings.raises[1] = Failure("the loss became nan")
    folder = tuned(place, "train.epochs=3", name="hyperband", trials=None)
    assert [run.train.epochs for run in trainings.seen] == [1, 1, 1, 3, 3, 3]
    first, second, third, longer, *_ = trials(folder)
    assert first["failed"]
    better = max(second, third, key=lambda row: row["metric"])
    assert longer["values"] == {**better["values"], "train.epochs": 3}


def test_a_search_fails_if_all_trials_fail(place, trainings):
    trainings.raises = {number: Failure("no") for number in range(1, 7)}
    with pytest.raises(Failure, match="none of 6 trials finished; see saved_models"):
        tuned(place)


def test_bad_input_in_a_trial_ends_the_search(place, trainings):
    trainings.raises[2] = InputError("dev.tsv: no such file")
    with pytest.raises(InputError) as caught:
        tuned(place)
    assert str(caught.value) == "dev.tsv: no such file"
    assert len(trainings.seen) == 2


def test_hyperband_sets_the_epochs_of_its_trials(place, trainings):
    folder = tuned(place, "train.epochs=3", name="hyperband", trials=None)
    assert {run.train.epochs for run in trainings.seen} == {1, 3}
    best = max(trials(folder), key=lambda row: row["metric"])
    assert configs.load(folder / "best.yaml").train.epochs == best["values"]["train.epochs"]


@pytest.mark.parametrize("name", ["random", "bayesian"])
def test_the_same_values_are_trained_once(name, place, trainings):
    space = {"train.learning_rate": [1e-4, 1e-3]}
    folder = tuned(place, name=name, trials=4, space=space)
    assert len(trials(folder)) == len(trainings.seen) == 2
    tuned(place, name=name, trials=4, space=space)
    assert len(trainings.seen) == 2


def test_invalid_combinations_are_refused_before_training(place, trainings):
    space = {
        "model": [
            {"name": "bert", "size": "tiny", "max_length": 16},
            {"name": "bert", "preset": "minilm_l6", "max_length": 16},
        ],
        "tuning": [{"name": "full"}, {"name": "lora", "store": "delta"}],
    }
    with pytest.raises(ConfigError) as caught:
        tuned(place, "model.size=null", "model.preset=minilm_l6", space=space)
    (problem,) = caught.value.problems
    assert problem.startswith("search.space: tuning.store: got delta, which needs the weights ")
    assert problem.endswith(
        'with model {"max_length": 16, "name": "bert", "size": "tiny"}, '
        'tuning {"name": "lora", "store": "delta"}'
    )
    assert trainings.seen == []


def test_trials_of_other_seeds_are_judged_on_the_same_rows(place, trainings):
    folder = tuned(place, "data.dev=0.25", space={"seed": [1, 2, 3]})
    assert {run.seed for run in trainings.seen} == {1, 2, 3}
    assert {run.rows_seed for run in trainings.seen} == {13}
    assert configs.load(folder / "best.yaml").rows_seed == 13


@pytest.mark.parametrize(
    ("path", "values"), [("data.dev", [0.25, 0.5]), ("data.limit", [8, 9]), ("split_seed", [1, 2])]
)
def test_a_space_that_changes_the_dev_set_is_refused(place, trainings, path, values):
    with pytest.raises(InputError, match=f"search.space: {path} changes the dev set"):
        tuned(place, "data.dev=0.25", space={path: values})
    assert trainings.seen == []


# One search for real


def test_a_small_search_through_the_command_line(place):
    space = {
        "train.learning_rate": {"low": 1e-4, "high": 3e-3, "log": True},
        "train.batch_size": [4, 8],
    }
    raw = tiny(name="random", trials=2, space=space)
    raw["model"] = {**yaml.safe_load(f"{{{CNN}}}"), "max_length": 16}
    (place / "tiny.yaml").write_text(yaml.safe_dump(raw))
    done = tfapps("tune", "tiny.yaml", "train.epochs=1", cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    folder = place / "saved_models" / "tiny_search"
    rows = trials(folder)
    assert len(rows) == 2
    for row in rows:
        assert hparams(folder / f"trial_{row['trial']}") == pytest.approx(row["values"])
        assert (folder / f"trial_{row['trial']}" / "log.txt").read_text().count("epoch 1/1") == 1
    assert not list(folder.rglob("*.safetensors"))
    best = max(rows, key=lambda row: row["metric"])
    result = tfapps("train", folder / "best.yaml", cwd=place)
    assert result.returncode == 0, result.stderr
    metrics = json.loads((place / "saved_models" / "tiny_best" / "metrics.json").read_text())
    assert metrics["dev"]["keras"]["accuracy"] == best["metric"]


def hparams(folder):
    """What TensorBoard's HParams tab shows of a trial."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    events = EventAccumulator(os.fspath(folder))
    events.Reload()
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    assert any(tag == "dev/accuracy" for tag in events.Tags()["tensors"])
    return {name: value.number_value for name, value in start.hparams.items()}


def test_the_error_for_a_missing_search_shows_how_to_write_one(place):
    (place / "tiny.yaml").write_text(TINY)
    done = tfapps("tune", "tiny.yaml", cwd=place)
    assert done.returncode == 2
    assert done.stderr.startswith("error: tiny.yaml: no search: in this config; add one, such as ")
    assert len(done.stderr.splitlines()) == 1
