"""A bundle is complete: what its weights were trained from may be deleted."""

import json
import shutil

import pytest
from running import tfapps

from tfapps.bundle.bundle import Bundle
from tfapps.config import load as configs

TEXT = "I want the plum"
VERBS = {
    "keras": ("predict", "RUN", "--artifact", "keras", TEXT),
    "litert": ("predict", "RUN", "--artifact", "litert_float32", TEXT),
    "evaluate": ("evaluate", "RUN", "--artifact", "keras", "--data", "DEV"),
    "explain": ("explain", "RUN", "--method", "occlusion", TEXT),
    "faithful": ("explain", "RUN", "--faithful", "--method", "occlusion", "--rows", "1"),
    "attack": ("attack", "RUN", "--rows", "1"),
    "export": ("export", "CONFIG"),
    "verify": ("verify", "CONFIG"),
    "run": ("run", "CONFIG"),
}


@pytest.fixture(scope="module", params=["full", pytest.param("adapter", marks=pytest.mark.slow)])
def alone(request, tiny_runs, tmp_path_factory):
    """A folder with data, config and a `prompt` run, whose preset is not there."""
    trained = tiny_runs("prompt" if request.param == "full" else "masked_lm")
    folder = tmp_path_factory.mktemp("alone") / request.param
    ignored = shutil.ignore_patterns(".cache", ".*.state")
    shutil.copytree(trained, folder, ignore=ignored)
    if request.param != "full":
        options = ("name=prompt", "tuning.name=adapter", "tuning.size=4")
        done = tfapps("run", "prompt.yaml", *options, cwd=folder)
        assert done.returncode == 0, done.stderr
        config = folder / "saved_models/prompt/config.yaml"
        shutil.copy(config, folder / "prompt.yaml")
    for other in (folder / "saved_models").iterdir():
        if other.name != "prompt":
            shutil.rmtree(other)
    return folder


@pytest.mark.parametrize("verb", VERBS)
def test_a_run_needs_no_preset_once_it_is_finished(alone, verb):
    config = configs.load(alone / "prompt.yaml")
    assert not (alone / config.model.preset).exists()
    words = {"RUN": "prompt", "CONFIG": "prompt.yaml", "DEV": config.data.dev}
    done = tfapps(*[words.get(word, word) for word in VERBS[verb]], cwd=alone)
    assert done.returncode == 0, done.stderr + done.stdout
    if verb == "run":
        assert "prompt: already trained with this config and data\n" in done.stdout


@pytest.mark.parametrize("verb", ["export", "verify"])
def test_another_config_is_still_refused(alone, verb):
    done = tfapps(verb, "prompt.yaml", "seed=5", cwd=alone)
    assert done.returncode == 2
    assert "was trained with another config or other data" in done.stderr


def test_a_preset_that_came_back_with_other_weights_is_noticed(alone):
    preset = alone / "saved_models/masked_lm"
    preset.mkdir()
    files = {"weights.safetensors": "0f"}
    (preset / "manifest.json").write_text(json.dumps({"files": files, "stages": {}}))
    done = tfapps("verify", "prompt.yaml", cwd=alone)
    shutil.rmtree(preset)
    assert done.returncode == 2
    assert "was trained with another config or other data" in done.stderr


def test_the_sizes_of_every_model_are_in_its_bundle(tiny_runs, alone):
    bundle = Bundle.open(alone / "saved_models/prompt")
    assert bundle.architecture.keys() >= {"vocabulary_size", "hidden", "layers"}
    assert bundle.origin["contents"]["saved_models/masked_lm"]
