"""The registry: the folder is the list."""

import sys

import pytest
from plugins import FILES, install

from tfapps import registry
from tfapps.errors import InputError


@pytest.fixture(autouse=True)
def _plugins(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch)


def test_names_are_the_files_of_the_folder_without_helpers():
    assert registry.names("model") == ["bert", "bilstm"]


def test_names_leave_packages_out(tmp_path, monkeypatch):
    folder = next(tmp_path.glob("plugins_*")) / "model" / "family"
    folder.mkdir()
    (folder / "__init__.py").touch()
    assert registry.names("model") == ["bert", "bilstm"]


def test_names_import_no_plugin():
    registry.names("model")
    assert f"{registry.KINDS['model']}.bert" not in sys.modules


def test_a_new_file_is_a_new_plugin(tmp_path):
    folder = next(tmp_path.glob("plugins_*")) / "model"
    (folder / "gru.py").write_text("class Model:\n    provides = 'encoder'")
    assert registry.names("model") == ["bert", "bilstm", "gru"]
    assert registry.plugin("model", "gru").provides == "encoder"


def test_load_gives_the_module():
    assert registry.load("model", "bert").Config().max_length == 128


def test_an_unknown_name_lists_all_and_guesses():
    with pytest.raises(InputError) as caught:
        registry.load("model", "brt")
    assert str(caught.value) == (
        "unknown model 'brt': expected one of bert, bilstm; did you mean 'bert'?"
    )


def test_no_guess_where_nothing_is_near():
    with pytest.raises(InputError) as caught:
        registry.load("model", "xyz")
    assert str(caught.value) == "unknown model 'xyz': expected one of bert, bilstm"


@pytest.mark.parametrize("name", ["_shared", "../bert", "bert.Config", "", "__init__"])
def test_load_imports_nothing_that_is_not_listed(name):
    with pytest.raises(InputError, match="unknown model"):
        registry.load("model", name)


def test_the_error_for_an_empty_plugin_folder_says_so(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, {})
    with pytest.raises(InputError, match="unknown tuner 'lora': no tuner is available"):
        registry.load("tuner", "lora")


def test_artifacts_map_to_their_exporter():
    assert registry.artifacts() == {
        "litert_float32": "litert",
        "litert_int8": "litert",
        "saved_model": "saved_model",
    }


def test_two_exporters_of_one_artifact_are_refused(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, {**FILES, "exporter/other": FILES["exporter/saved_model"]})
    with pytest.raises(ValueError, match="saved_model: written by both other and saved_model"):
        registry.artifacts()


@pytest.mark.parametrize(
    ("word", "guess"), [("presett", "preset"), ("PRESET", "preset"), ("q", None), ("", None)]
)
def test_nearest(word, guess):
    assert registry.nearest(word, ["preset", "max_length"]) == guess


def test_nearest_of_nothing_is_none():
    assert registry.nearest("preset", []) is None
