"""The compress stage: what is compressed, in which order, from which trained model."""

import json

import numpy as np
import pytest
from running import BERT, TINY, at

from tfapps.bundle.bundle import Bundle, read_json
from tfapps.config import load as configs
from tfapps.errors import ConfigError, InputError
from tfapps.export.parts import integers
from tfapps.graph import weights
from tfapps.runs.prepared import prepare
from tfapps.runs.trained import rebuild
from tfapps.stages.compress import compress
from tfapps.stages.run import run
from tfapps.stages.train import train

PRUNE = "{name: prune, sparsity: 0.5, epochs: 1}"
QAT = "{name: qat, epochs: 1, learning_rate: 1.0e-3}"
CLUSTER = "{name: cluster, clusters: 4, epochs: 1}"
TRIM = "{name: trim_vocabulary, epochs: 0}"
STRUCTURED = "{name: prune_structured, heads: 0.5, units: 0.5, epochs: 1}"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with data and a trained model, `base`."""
    folder = tmp_path_factory.mktemp("compress")
    with at(folder, 48):
        train(config_of(folder, "base"))
        yield folder


def config_of(folder, name, *items, export="[]", model=BERT):
    path = folder / f"{name}.yaml"
    text = TINY.split("export:")[0].replace(BERT, model).replace("epochs: 2", "epochs: 1")
    text += f"export: {export}\n"
    if items:
        text += "compress:\n" + "".join(f"  - {item}\n" for item in items)
    path.write_text(text)
    return configs.load(path)


def model_of(settings, bundle):
    return rebuild(prepare(settings, bundle), bundle, None, None)


def kernels(model):
    return {
        path: np.asarray(weight)
        for path, weight in weights.variables(model).items()
        if path.endswith("kernel") and not path.startswith("head")
    }


def test_quantizing_keeps_the_zeros_of_pruning(place):
    settings = config_of(place, "pruned", "{name: prune, sparsity: 0.5, epochs: 0}", QAT)
    bundle = compress(settings)
    model = model_of(settings, bundle)
    notes = bundle.metrics["compression"]
    assert [note["name"] for note in notes] == ["prune", "qat"]
    for stage in ("trained", "baked"):
        if stage == "baked":
            integers.bake(model)
        for path, kernel in kernels(model).items():
            # Rounding makes a few more.
            assert 0.5 <= (kernel == 0).mean() < 0.6, (stage, path)
    assert notes[0]["report"]["sparsity"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.slow
def test_quantizing_keeps_the_clusters(place):
    settings = config_of(place, "clustered", CLUSTER, QAT)
    model = model_of(settings, compress(settings))
    integers.bake(model)
    for path, kernel in kernels(model).items():
        assert len(np.unique(kernel)) <= 4, path


@pytest.mark.slow
def test_all_compressors_that_fit_can_be_combined(place, capsys):
    settings = config_of(place, "all", TRIM, STRUCTURED, PRUNE, QAT, export="[litert_int8]")
    bundle = run(settings)
    assert "trained with the same settings as base, reusing its weights" in capsys.readouterr().out
    base = Bundle.open(place / "saved_models" / "base")
    assert bundle.weights.stat().st_size < 0.8 * base.weights.stat().st_size
    proof = read_json(bundle.path / "verify.json")
    assert proof["litert_int8"]["agreement"] >= 0.9
    assert (bundle.path / "logs" / "2_prune").is_dir()
    for kernel in kernels(model_of(settings, bundle)).values():
        assert (kernel == 0).mean() >= 0.5
    run(settings)
    assert "already trained with this config and data" in capsys.readouterr().out


def test_changing_the_compression_keeps_the_training(place, capsys):
    first = run(config_of(place, "again", PRUNE))
    check_records(first)
    other = config_of(place, "again", "{name: prune, sparsity: 0.25, epochs: 0}")
    with pytest.raises(InputError, match=r"compress\[0\].sparsity 0.5 \(here 0.25\).*--overwrite"):
        run(other)
    second = run(other, overwrite=True)
    output = capsys.readouterr().out
    assert output.count("trained with the same settings as base") == 2
    assert first.manifest["stages"]["train"] == second.manifest["stages"]["train"]
    assert second.metrics["compression"][0]["report"]["sparsity"] == pytest.approx(0.25, abs=0.01)


def check_records(bundle):
    """Sparsity is in TensorBoard, the figures of the pruning in the metrics."""
    events = list((bundle.path / "logs" / "0_prune").rglob("events.*"))
    assert any(b"sparsity/" in file.read_bytes() for file in events)
    note = json.loads((bundle.path / "metrics.json").read_text())["compression"][0]
    assert {"name", "training", "report", "dev"} <= set(note)
    assert len(note["training"]) == 1


def test_no_sparsity_is_no_change(place):
    settings = config_of(place, "nothing", "{name: prune, sparsity: 0.0, epochs: 0}")
    before = Bundle.open(place / "saved_models/base").weights.read_bytes()
    assert compress(settings).weights.read_bytes() == before


def test_without_a_trained_model_there_is_nothing_to_compress(place):
    settings = configs.load(made_path(place, "untrained", PRUNE), ["train.epochs=2"])
    with pytest.raises(
        InputError, match="no uncompressed model trained with this config .* `tfapps train`"
    ):
        compress(settings)


def made_path(folder, name, *items):
    config_of(folder, name, *items)
    return folder / f"{name}.yaml"


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ((QAT, PRUNE), "prune cannot come after qat .compress.0..: its ranges would be learned"),
        ((QAT, CLUSTER), "cluster cannot come after qat .* cluster first"),
        ((CLUSTER, PRUNE), "prune cannot come after cluster"),
        ((PRUNE, STRUCTURED), "prune_structured cannot come after prune"),
        ((PRUNE, TRIM), "trim_vocabulary cannot come after prune"),
        ((QAT, QAT), "qat cannot come after qat .*: once is enough"),
    ],
)
def test_a_wrong_order_is_refused_with_a_reason(place, items, reason):
    with pytest.raises(ConfigError, match=reason):
        config_of(place, "wrong", *items)


BILSTM = "name: bilstm, units: 16, embedding_size: 16"


@pytest.mark.slow
def test_a_bilstm_is_pruned_and_quantized_as_well(place):
    items = (TRIM, PRUNE, CLUSTER.replace("4", "8"), QAT)
    config_of(place, "recurrent", *items, export="[litert_int8]", model=BILSTM)
    settings = configs.load(
        place / "recurrent.yaml",
        ["train.epochs=12", "train.learning_rate=0.005", "train.batch_size=4"],
    )
    bundle = run(settings)
    proof = read_json(bundle.path / "verify.json")
    assert proof["litert_int8"]["agreement"] >= 0.9
    model = model_of(settings, bundle)
    for path, kernel in kernels(model).items():
        if "lstm" in path:
            assert (kernel == 0).mean() >= 0.5, path


def test_prune_structured_refuses_a_bilstm(place):
    with pytest.raises(ConfigError, match="prune_structured works on transformer blocks, which"):
        config_of(place, "recurrent", STRUCTURED, model=BILSTM)
