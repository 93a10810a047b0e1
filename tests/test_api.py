"""tfapps from Python."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from running import ROOT, TINY

import tfapps
from tfapps.bundle.bundle import Bundle
from tfapps.config import load as configs
from tfapps.errors import ConfigError, InputError

CONFIG = yaml.safe_load(TINY)


def test_importing_the_package_imports_nothing_heavy():
    script = "import tfapps, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"numpy", "pydantic", "yaml", "keras", "tensorflow"} & set(done.stdout.split())


def test_a_run_is_run_loaded_and_evaluated(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("TFAPPS_DATA", str(workplace))
    finished = tfapps.run("tiny.yaml")  # trained by the fixture
    assert "already trained" in capsys.readouterr().out
    assert isinstance(finished, Bundle)
    assert finished.path == Path("saved_models/tiny")
    texts = ["i saw a pear", "the hammer"]
    expected = tfapps.load("tiny")(texts)
    assert [set(answer) >= {"label", "score"} for answer in expected] == [True, True]
    for same in (finished, finished.path, workplace / "saved_models" / "tiny"):
        assert tfapps.load(same)(texts) == expected
    assert tfapps.load(finished, "litert_dynamic").artifact == "litert_dynamic"
    metrics = tfapps.evaluate(finished, "dev.tsv", "float32")  # the short name
    assert metrics["accuracy"] == finished.metrics["dev"]["litert_float32"]["accuracy"]
    assert tfapps.evaluate("tiny", Path("dev.tsv")) == pytest.approx(
        finished.metrics["dev"]["keras"]
    )


def test_a_dictionary_is_the_config_of_the_same_file(tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    expected = configs.load(tmp_path / "tiny.yaml", ["train.epochs=5", "export=[]"])
    overrides = {"train": {"epochs": 5}, "export": []}
    assert configs.of_python(tmp_path / "tiny.yaml", overrides) == expected
    assert configs.of_python({**CONFIG, "name": "tiny"}, overrides) == expected
    assert CONFIG["train"]["epochs"] == 2  # unchanged
    renamed = configs.of_python(str(tmp_path / "tiny.yaml"), {"name": "other"})
    assert renamed.name == "other"


def test_wrong_configs_are_refused():
    with pytest.raises(ConfigError, match="name: missing; a config that is no file must state"):
        tfapps.run(CONFIG)
    with pytest.raises(ConfigError, match=r"train\.epochs: got 'many' \(str\), expected int"):
        tfapps.run(CONFIG, name="tiny", train={"epochs": "many"})
    with pytest.raises(InputError, match="no such config"):
        tfapps.run("nowhere.yaml")


def test_wrong_runs_and_missing_extras_are_refused(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    with pytest.raises(InputError, match="no such run; did you mean saved_models/tiny"):
        tfapps.load("tinny")
    with pytest.raises(InputError, match="no artefact 'litert_int4'"):
        tfapps.evaluate("tiny", "dev.tsv", "litert_int4")
    with pytest.raises(InputError, match="no file nowhere.tsv"):
        tfapps.evaluate("tiny", "nowhere.tsv", "litert_float32")
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    with pytest.raises(InputError, match=r'needs sklearn, .*pip install "tfapps\[train\]"'):
        tfapps.evaluate("tiny", "dev.tsv", "litert_float32")


def test_a_finished_run_of_other_values_is_kept_unless_it_may_be_overwritten(
    workplace, monkeypatch
):
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("TFAPPS_DATA", str(workplace))
    with pytest.raises(InputError, match=r"seed 13 \(here 14\). It is kept: .* --overwrite"):
        tfapps.run("tiny.yaml", seed=14)
    options = {}
    monkeypatch.setattr(
        "tfapps.stages.run.run", lambda config, overwrite: options.update(overwrite=overwrite)
    )
    tfapps.run("tiny.yaml", seed=14, overwrite=True)
    assert options == {"overwrite": True}
