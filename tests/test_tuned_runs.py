"""Every tuner through a whole run: trained, merged, made of integers, exported and verified."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from running import TINY, at, tfapps

from tfapps import registry
from tfapps.bundle import identity
from tfapps.bundle.bundle import DELTA, Bundle, read_json
from tfapps.config import load as config
from tfapps.errors import InputError
from tfapps.graph import weights
from tfapps.runs.prepared import prepare
from tfapps.runs.trained import rebuild
from tfapps.serve.deltas import Shared, _names
from tfapps.serve.predictor import Predictor
from tfapps.stages.run import run
from tfapps.stages.train import train

SETTINGS = {"freeze": "train: head", "prefix": "length: 3", "adapter": "size: 8"}
QAT = "compress:\n  - {name: qat, epochs: 0}\n"  # test_matrix.py trains the integers of tuned runs
STRUCTURE = "adapter"  # stays in the graph, as prefix does; the others leave it as it was
PRESET = "preset: saved_models/base"
STORED = ("adalora", "adapter", "bitfit", "freeze", "lora", "prefix")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    with at(folder, 96):
        train(config_of(folder, "base", "full"))
        yield folder


def config_of(folder, name, tuner, more="", rest="export: []\n"):
    """The config of `made_file`."""
    return config.load(made_file(folder, name, tuner, more, rest))


def made_file(folder, name, tuner, more="", rest="export: []\n"):
    """A tiny config that tunes the run `base`; the base itself is trained from nothing."""
    text = TINY.split("export:")[0].replace("epochs: 2", "epochs: 1")
    base = tuner == "full" and name == "base"
    text = text if base else text.replace("size: tiny, layers: 1", PRESET)
    settings = ", ".join(filter(None, [f"name: {tuner}", SETTINGS.get(tuner), more]))
    path = folder / f"{name}.yaml"
    path.write_text(f"{text}tuning: {{{settings}}}\n{rest}")
    return path


@pytest.mark.parametrize(
    "tuner",
    [
        pytest.param(name, marks=[] if name == STRUCTURE else [pytest.mark.slow])
        for name in registry.names("tuner")
    ],
)
def test_tuned_runs_export_to_integers(place, tuner):
    settings = config_of(place, f"{tuner}_qat", tuner, rest=QAT + "export: [litert_int8]\n")
    proof = read_json(run(settings).path / "verify.json")
    assert proof["litert_int8"]["agreement"] >= 0.9


@pytest.mark.parametrize(
    "tuner",
    [pytest.param(name, marks=[] if name == "lora" else [pytest.mark.slow]) for name in STORED],
)
def test_a_delta_is_small_and_is_the_same_model(place, tuner):
    alone = Bundle.open(f"saved_models/{delta(place, tuner)}")
    full = train(config.load(made_file(place, f"{tuner}_whole", tuner), ["seed=0"]))
    assert alone.weights.name == DELTA
    assert alone.weights.stat().st_size < full.weights.stat().st_size / 2
    assert alone.metrics["dev"] == full.metrics["dev"]
    assert identity.of_weights(str(alone.path)) == alone.manifest["files"][DELTA]
    models = [rebuild(prepare_of(bundle), bundle, None, None) for bundle in (full, alone)]
    one, other = (weights.variables(model) for model in models)
    assert list(one) == list(other)
    for path, weight in one.items():
        np.testing.assert_array_equal(weight.numpy(), other[path].numpy(), err_msg=path)
    assert {w.path for w in models[0].trainable_variables} == {
        w.path for w in models[1].trainable_variables
    }


def test_a_prefix_is_stored_without_what_it_was_computed_from(place):
    bundle = Bundle.open(f"saved_models/{delta(place, 'prefix')}")
    learned = {path: value for path, value in weights_of(bundle).items() if "prefix" in path}
    assert len(learned) == 1  # of one block
    for path, value in learned.items():
        assert path.endswith("/prefix/pairs")
        assert value.shape == (2, 3, 128)
    model = rebuild(prepare_of(bundle), bundle, None, None)
    by_path = weights.variables(model)
    for path, value in learned.items():
        np.testing.assert_array_equal(by_path[path].numpy(), value)


def prepare_of(bundle):
    return prepare(config.load(bundle.config_path, [f"name={bundle.path.name}"]), bundle)


def test_frozen_weights_are_those_of_the_preset(place):
    base = weights_of(Bundle.open("saved_models/base"))
    tuned = weights_of(train(config_of(place, "only_biases", "bitfit")))
    for path, value in tuned.items():
        learned = path.endswith(("/bias", "/beta")) or path.startswith("head")
        assert np.array_equal(value, base[path]) != learned, path


def weights_of(bundle):
    from safetensors.numpy import load_file

    return load_file(bundle.weights)


def test_parameters_are_counted(place):
    bundle = Bundle.open(f"saved_models/{delta(place, 'lora')}")
    count, rank = bundle.metrics["parameters"], config.load(bundle.config_path).tuning.rank
    head, kernels = 2 * 128 + 2, 0
    for inputs, outputs in ((128, 384), (128, 128), (128, 512), (512, 128)):
        kernels += rank * (inputs + outputs)
    assert count["trained"] == head + kernels
    base = Bundle.open("saved_models/base").metrics["parameters"]
    assert count["all"] == base["all"] + kernels


def test_a_delta_beside_another_preset_is_refused(place):
    bundle = Bundle.open(f"saved_models/{delta(place, 'lora')}")
    contents = {
        path: path.read_bytes() for path in place.glob("saved_models/base/*") if path.is_file()
    }
    train(
        config.load(place / "base.yaml", ["train.epochs=0", "task.head_start=means"]),
        overwrite=True,
    )
    try:
        with pytest.raises(InputError, match="trained from other weights than saved_models/base"):
            rebuild(prepare_of(bundle), bundle, None, None)
    finally:
        for path, data in contents.items():
            path.write_bytes(data)


def test_the_error_for_a_missing_preset_names_it(place):
    bundle = Bundle.open(f"saved_models/{delta(place, 'lora')}")
    Path("saved_models/base").rename("elsewhere")
    try:
        with pytest.raises(InputError, match=r"saved_models/base, which is missing; put it back"):
            rebuild(prepare_of(bundle), bundle, None, None)
    finally:
        Path("elsewhere").rename("saved_models/base")


def test_a_delta_cannot_be_a_preset(place):
    path = place / "on_delta.yaml"
    preset = f"preset: saved_models/{delta(place, 'lora')}"
    path.write_text(TINY.replace("size: tiny, layers: 1", preset))
    with pytest.raises(InputError, match="stores only its changes to its own preset"):
        prepare(config.load(path))


def test_a_delta_without_a_preset_is_refused(place):
    path = place / "none.yaml"
    path.write_text(TINY + "tuning: {name: lora, store: delta}\n")
    with pytest.raises(InputError, match=r"tuning.store: got delta, .* there is no model.preset"):
        config.load(path)


# Several deltas beside one base


def delta(place, tuner, number=0):
    """The name of a run that stores only its changes to `base`, trained once."""
    name = f"{tuner}_shared_{number}"
    if not (place / "saved_models" / name).is_dir():
        config_of(place, name, tuner, "store: delta")
        train(config.load(place / f"{name}.yaml", [f"seed={number}"]))
    return name


def pair(place, tuner):
    """Two such runs."""
    return [delta(place, tuner, number) for number in range(2)]


@pytest.mark.parametrize(
    "tuner",
    ["lora", *(pytest.param(n, marks=pytest.mark.slow) for n in ("adapter", "freeze", "prefix"))],
)
def test_runs_that_share_a_base_answer_as_they_would_alone(place, tuner):
    names = pair(place, tuner)
    paths = [f"saved_models/{name}" for name in names]
    texts = ["I want the apple", "the hammer and the saw"]
    alone = [Predictor.open(path, "keras").logits(texts) for path in paths]
    assert np.abs(alone[0] - alone[1]).max() > 1e-4
    shared = Shared.open(paths)
    for _ in range(2):  # forth and back
        for name, expected in zip(names, alone, strict=True):
            np.testing.assert_allclose(shared.runs[name].logits(texts), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ({"here/a": "a", "here/b": "b"}, ["a", "b"]),
        ({"here/a": "a", "there/a": "a", "b": "b"}, ["here/a", "there/a", "b"]),
        ({"here/a": "text", "here/b": "text_pair", "c": "c"}, ["here/a", "here/b", "c"]),
    ],
)
def test_runs_of_one_name_are_distinguished_by_their_folders(runs, expected):
    bundles = [SimpleNamespace(path=Path("/", folder)) for folder in runs]
    configs = [SimpleNamespace(name=name) for name in runs.values()]
    names = [name.removeprefix("/") for name in _names(bundles, configs)]
    assert names == expected
    with pytest.raises(InputError, match="named 2 times; name each run once"):
        _names([*bundles, bundles[0]], [*configs, configs[0]])


def test_all_are_asked_at_once(place):
    names = pair(place, "lora")
    done = tfapps("predict", names[0], "the saw", "--also", names[1], cwd=place)
    answer = json.loads(done.stdout)
    assert set(answer) == {"text", *names}
    assert answer[names[0]]["label"] in ("fruit", "tool")


def test_runs_that_cannot_share_are_refused(place):
    with pytest.raises(InputError, match="keeps all of its weights"):
        Shared.open(["saved_models/base"])
    paths = [f"saved_models/{delta(place, tuner)}" for tuner in ("prefix", "lora")]
    with pytest.raises(InputError, match="its tuning is not that of prefix_shared_0"):
        Shared.open(paths)
