"""A run that learns from another must not be judged on rows that the other was trained on."""

from types import SimpleNamespace

import pytest
from running import write_rows

from tfapps.bundle.bundle import writing
from tfapps.config import load as configs
from tfapps.data import splits
from tfapps.errors import InputError
from tfapps.runs import leaks


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFAPPS_DATA", str(tmp_path))
    write_rows(tmp_path / "train.tsv", 80)
    write_rows(tmp_path / "dev.tsv", 20, start=80)
    return tmp_path


def settings(**more):
    raw = {"task": {"name": "classification"}, "model": {"name": "bert", "size": "tiny"}}
    raw["data"] = {"source": "tsv", "train": "train.tsv", "dev": 0.2} | more.pop("data", {})
    return configs.from_dict(raw | more, "run")


def finished(run, name="teacher"):
    """A folder that looks like a finished run of this config."""
    with writing(name) as draft:
        (draft.path / "config.yaml").write_text(configs.dump(run))
    return name


def checked(run):
    rows = splits.load(run.data, run.rows_seed)
    leaks.refuse(SimpleNamespace(config=run, rows=rows))


@pytest.mark.parametrize(
    "origin",
    [
        {"objective": {"name": "distill", "teacher": "teacher"}},
        {"model": {"name": "bert", "preset": "teacher"}},
    ],
)
def test_a_run_on_other_parts_of_the_same_rows_is_refused(place, origin):
    finished(settings(seed=1))
    with pytest.raises(InputError, match=r"teacher was trained on \d+ of the 16 rows .*") as error:
        checked(settings(seed=2, **origin))
    assert str(error.value).endswith("set `split_seed: 1` as in that run, or name a dev file")
    checked(settings(seed=2, split_seed=1, **origin))
    checked(settings(seed=1, **origin))
    checked(settings(seed=2, data={"dev": "dev.tsv"}, **origin))


@pytest.mark.parametrize("data", [{"dev": 0.1}, {"dev": "dev.tsv"}, {"limit": 40}])
def test_another_way_to_split_the_same_file_is_refused(place, data):
    finished(settings(data=data))
    with pytest.raises(InputError, match="split the rows as that run does"):
        checked(settings(objective={"name": "distill", "teacher": "teacher"}))


def test_rows_of_a_carved_test_set_count_as_those_of_the_dev_set(place):
    learns = {"objective": {"name": "distill", "teacher": "teacher"}}
    finished(settings())
    with pytest.raises(InputError, match=r"trained on 16 of the 16 rows of this test set") as error:
        checked(settings(data={"test": 0.2}, **learns))
    assert "split the rows as that run does" in str(error.value)
    with pytest.raises(InputError, match=r"teacher was trained on \d+ of the 16 rows of this test"):
        checked(settings(seed=2, data={"dev": "dev.tsv", "test": 0.2}, **learns))
    finished(settings(data={"test": 0.2}))
    checked(settings(data={"test": 0.2}, **learns))
    with pytest.raises(InputError, match="set `split_seed: 13` as in that run, or name a"):
        checked(settings(seed=2, data={"test": 0.2}, **learns))


def test_the_runs_behind_a_run_count_too(place):
    finished(settings(seed=1), "first")
    finished(settings(seed=2, model={"name": "bert", "preset": "first"}), "second")
    with pytest.raises(InputError, match="first was trained on"):
        checked(settings(seed=2, objective={"name": "distill", "teacher": "second"}))


def test_other_data_is_no_leak(place):
    write_rows(place / "other.tsv", 80, start=200)
    finished(settings(data={"train": "other.tsv"}))
    checked(settings(objective={"name": "distill", "teacher": "teacher"}))


def test_data_that_is_gone_is_logged(place, capsys):
    finished(settings(data={"train": "gone.tsv"}))
    checked(settings(objective={"name": "distill", "teacher": "teacher"}))
    assert "teacher: not checked for rows of the dev set" in capsys.readouterr().out
