"""tfapps runs on the TensorFlow backend of Keras, whatever else a machine is set to."""

import ast
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from running import ROOT

from tfapps import keras_backend


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("asked", ["torch", "jax", "nonsense"])
def test_another_backend_of_the_environment_is_logged_once(home, monkeypatch, caplog, asked):
    monkeypatch.setenv("KERAS_BACKEND", asked)
    keras_backend.choose()
    keras_backend.choose()  # a child, or another import
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    expected = f"KERAS_BACKEND asks for the Keras backend {asked}; tfapps uses tensorflow"
    assert caplog.messages == [expected]


def test_another_backend_of_the_settings_of_keras_is_logged_once(home, caplog):
    (home / "keras.json").write_text(json.dumps({"backend": "jax"}))
    keras_backend.choose()
    keras_backend.choose()
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    (message,) = caplog.messages
    assert message.startswith(f"{home / 'keras.json'} asks for the Keras backend jax")


@pytest.mark.parametrize("content", ['{"backend": "tensorflow"}', "{", "[]", "{}", None])
def test_nothing_is_logged_where_nothing_else_was_asked_for(home, caplog, content):
    if content is not None:
        (home / "keras.json").write_text(content)
    keras_backend.choose()
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert caplog.messages == []


def test_keras_that_runs_on_another_backend_already_is_logged(home, monkeypatch, caplog):
    other = SimpleNamespace(backend=SimpleNamespace(backend=lambda: "torch"))
    monkeypatch.setitem(sys.modules, "keras", other)
    keras_backend.choose()
    assert "imported with the backend torch before tfapps" in caplog.messages[0]


def test_any_module_of_ours_chooses_before_keras_is_imported():
    # Keras itself reads this variable, and its settings only where there is none.
    program = "import tfapps.registry, os; print(os.environ['KERAS_BACKEND'])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["tensorflow"], done.stderr
    assert done.stderr.count("asks for the Keras backend torch") == 1


def names(node):
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    return [(node.module or "").split(".")[0]] if isinstance(node, ast.ImportFrom) else []


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda p: p.stem)
def test_programs_import_ours_before_keras(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    keras = [node.lineno for node in ast.walk(tree) if {"keras", "keras_hub"} & {*names(node)}]
    ours = [node.lineno for node in tree.body if "tfapps" in names(node)]
    assert not keras or min(ours, default=10**6) < min(keras)
