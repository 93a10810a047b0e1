"""A bundle of a stranger runs no code, names no file outside of it and downloads nothing."""

import dataclasses
import hashlib
import json

import pytest
from running import copied, tfapps

from tfapps.backends import saved_model
from tfapps.presets import presets
from tfapps.verify import cost

VERBS = {
    "predict": ["predict", "RUN", "a pear"],
    "evaluate": ["evaluate", "RUN", "--data", "dev.tsv"],
    "explain": ["explain", "RUN", "--method", "occlusion", "a pear"],
    "benchmark": ["benchmark", "RUN", "--rows", "1"],
    "compare": ["compare", "RUN"],
}


def change(path, name, content):
    """Write a file of a bundle, or take it away, as somebody does who can count hashes."""
    manifest = json.loads((path / "manifest.json").read_text())
    if content is None:
        del manifest["files"][name]
    else:
        (path / name).write_text(content)
        manifest["files"][name] = hashlib.sha256(content.encode()).hexdigest()
    (path / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def code(monkeypatch):
    """The SavedModels that were opened."""
    opened = []
    real = saved_model.opened
    monkeypatch.setattr(
        saved_model, "opened", lambda path, *names: opened.append(path) or real(path, *names)
    )
    return opened


@pytest.fixture(scope="module")
def stranger(workplace):
    """A run with a Keras model, a SavedModel and no LiteRT file."""
    copied(workplace, "stranger")
    path = workplace / "saved_models/stranger"
    for kind in ("float32", "dynamic", "int8"):
        change(path, f"litert/{kind}.tflite", None)
    return path


@pytest.mark.parametrize("verb", VERBS)
def test_no_command_opens_a_saved_model_unless_it_is_named(
    workplace, stranger, code, verb, monkeypatch
):
    words = [word.replace("RUN", "stranger") for word in VERBS[verb]]
    done = tfapps(*words, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert code == []
    if verb in ("predict", "evaluate", "benchmark"):
        # Which it measures in a process of its own.
        monkeypatch.setattr(cost, "peak_memory", lambda *_, **__: 0)
        named = tfapps(*words[:2], "--artifact", "saved_model", *words[2:], cwd=workplace)
        assert named.returncode == 0, named.stderr
        assert code


def test_a_saved_model_alone_is_not_opened_either(workplace, code):
    copied(workplace, "alone")
    path = workplace / "saved_models/alone"
    for name in json.loads((path / "manifest.json").read_text())["files"]:
        if name.startswith("litert/") or name == "weights.safetensors":
            change(path, name, None)
    for verb in ("predict", "evaluate"):
        words = [word.replace("RUN", "alone") for word in VERBS[verb]]
        assert tfapps(*words, cwd=workplace).returncode == 2
    assert code == []


@pytest.fixture(scope="module")
def curious(workplace):
    """A run of an older version, without sizes, whose config names a preset of the network."""
    copied(workplace, "curious")
    path = workplace / "saved_models/curious"
    config = (path / "config.yaml").read_text()
    assert "  preset: null\n" in config
    config = config.replace("  preset: null\n", "  preset: hf://nobody/nothing\n")
    change(path, "config.yaml", config.replace("  size: tiny\n", "  size: null\n"))
    change(path, "architecture.json", None)
    return path


CURIOUS = {
    "predict": ["predict", "curious", "--artifact", "keras", "a pear"],
    **{name: VERBS[name] for name in ("evaluate", "explain", "benchmark")},
    "attack": ["attack", "RUN", "--rows", "1"],
    "faithful": ["explain", "RUN", "--faithful", "--method", "occlusion", "--rows", "1"],
}


@pytest.mark.parametrize("verb", CURIOUS)
def test_the_config_of_a_bundle_downloads_nothing(workplace, curious, monkeypatch, verb):
    from keras_hub.src.utils import preset_utils

    monkeypatch.setattr(preset_utils, "check_file_exists", lambda *_: pytest.fail("asked"))
    done = tfapps(*[word.replace("RUN", "curious") for word in CURIOUS[verb]], cwd=workplace)
    assert done.returncode == 2, done.stderr + done.stdout
    assert "curious: its config names preset 'hf://nobody/nothing', which is not" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bundle_that_states_its_architecture_needs_no_preset(workplace, curious):
    full = workplace / "saved_models/tiny"
    shape = dataclasses.asdict(presets.bert_shape(full))
    change(curious, "architecture.json", json.dumps(shape))
    try:
        done = tfapps("predict", "curious", "--artifact", "keras", "a pear", cwd=workplace)
        expected = tfapps("predict", "tiny", "--artifact", "keras", "a pear", cwd=workplace)
        assert done.returncode == 0, done.stderr
        assert done.stdout == expected.stdout
        change(curious, "architecture.json", json.dumps({**shape, "hidden": "wide"}))
        done = tfapps("predict", "curious", "--artifact", "keras", "a pear", cwd=workplace)
        assert done.returncode == 2
        assert "architecture.json: hidden: expected the numbers of a BERT encoder" in done.stderr
    finally:
        change(curious, "architecture.json", None)


def test_a_run_that_is_a_preset_is_read_by_its_manifest(workplace):
    copied(workplace, "base")
    path = workplace / "saved_models/base"
    (path / "text/surface.json").write_text('["case"]')
    for name in ("compression.json", "delta.safetensors"):
        (path / name).write_text("{}")
    overrides = ["model.size=null", "model.preset=saved_models/base", "name=other"]
    done = tfapps("inspect", "tiny.yaml", *overrides, cwd=workplace)
    assert done.returncode == 2
    assert "text/surface.json: manifest.json does not list it" in done.stderr
    (path / "text/surface.json").unlink()
    presets._check_run.cache_clear()
    done = tfapps("inspect", "tiny.yaml", *overrides, cwd=workplace)
    assert done.returncode == 0, done.stderr


def test_a_broken_folder_does_not_stop_another_run(workplace, capsys):
    """Whoever looks for weights that were trained already passes it over."""
    from tfapps.config import load as configs
    from tfapps.runs import prepared as prepare
    from tfapps.runs import trained, unfinished

    folder = workplace / "saved_models"
    for name, manifest in (
        ("broken", "{"),
        ("older", "[]"),
        ("odd\x1b[2J", '{"files": {}, "stages": 3}'),
    ):
        (folder / name).mkdir()
        (folder / name / "manifest.json").write_text(manifest)
    copied(workplace, "a_twin")
    (folder / "a_twin" / "weights.safetensors").write_bytes(b"cut short")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workplace)
        patch.setenv("TFAPPS_DATA", str(workplace))
        settings = configs.load(workplace / "tiny.yaml", ["name=another", "export=[]"])
        prepared = prepare.prepare(settings)
        actual = trained.find_trained(prepared)
        # Another version of tfapps may make another vocabulary of the same config and data.
        other = {**prepared.text_files, "text/tokenizer.json": "0f"}
        older = dataclasses.replace(prepared)
        vars(older)["text_files"] = other
        assert trained.find_trained(older) is None
    assert unfinished.OUTPUT.name == "saved_models"
    assert actual is not None
    assert actual.path.name != "a_twin"
    printed = capsys.readouterr().out
    assert printed.count("skipped: ") >= 1
    assert "a_twin" in printed
    assert r"odd\x1b[2J" in printed
    assert "\x1b" not in printed
