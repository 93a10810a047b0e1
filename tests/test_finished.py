"""A finished run stays: nothing but its own config, or --overwrite, replaces it."""

import shutil

import pytest
from running import tfapps, write_rows

from tfapps.bundle.bundle import Bundle
from tfapps.config import load as configs
from tfapps.errors import InputError
from tfapps.runs.finished import finished, refuse_ensemble_over
from tfapps.runs.prepared import load_rows

QAT = "compress=[{name: qat}]"


@pytest.fixture
def place(workplace, tmp_path, monkeypatch):
    """A folder of its own with the finished run `tiny`."""
    folder = tmp_path / "place"
    shutil.copytree(workplace, folder, ignore=shutil.ignore_patterns(".cache"))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TFAPPS_DATA", str(folder))
    return folder


def asked(*overrides, **options):
    """What `finished` returns for the config of `tiny` with other values."""
    config = configs.load("tiny.yaml", overrides)
    return finished(config, load_rows(config), **options)


def refusal(*overrides, **options):
    with pytest.raises(InputError) as caught:
        asked(*overrides, **options)
    return str(caught.value)


KEPT = ". It is kept: train under another name, name=tiny-2, or replace it with --overwrite"


def test_the_same_config_finds_its_run_whatever_is_exported_or_logged(place):
    for overrides in ([], ["export=[]"], ["train.log_every=7"]):
        assert asked(*overrides).path == Bundle.open("saved_models/tiny").path
    assert asked("name=another") is None


def test_other_values_are_named_and_replace_nothing_unless_asked_to(place):
    values = ["seed=14", "train.epochs=3", "data.limit=9"]
    assert refusal(*values) == (
        "saved_models/tiny is a finished run with other values: seed 13 (here 14), "
        f"train.epochs 2 (here 3), data.limit none (here 9){KEPT}"
    )
    assert asked(*values, overwrite=True) is None
    shutil.copytree("saved_models/tiny", "saved_models/tiny-2")
    assert "name=tiny-3" in refusal(*values)


def test_of_another_plug_in_only_the_name_is_shown(place):
    assert "other values: model.name bert (here text_cnn). It" in refusal(
        "model={name: text_cnn, max_length: 16}"
    )


def test_a_member_is_kept_by_another_name_of_its_ensemble(place):
    assert "name=all-2," in refusal("seed=14", owner="all")


def test_other_data_is_not_taken_for_other_values(place):
    write_rows(place / "train.tsv", 60)
    assert refusal() == (
        "saved_models/tiny is a finished run with the same values and other data: rows, or a file "
        f"or run that the config names, have changed since{KEPT}"
    )


def test_compressing_a_finished_run_would_lose_its_weights_and_files(place):
    text = refusal(QAT)
    assert "other values: compress[0].name none (here qat)" in text
    assert text.endswith(KEPT)
    assert asked(QAT, overwrite=True) is None
    assert asked(QAT, compressed=False) is not None  # `tfapps train` has nothing to do


def test_a_run_that_waits_to_be_compressed_is_compressed(place):
    from tfapps.bundle.bundle import writing

    base = Bundle.open("saved_models/tiny")
    with writing(base.path, base=base) as draft:
        config = draft.path / "config.yaml"
        config.write_text(config.read_text().replace("compress: []", "compress: [{name: qat}]"))
    assert asked(QAT) is None
    assert asked("compress=[{name: prune, sparsity: 0.5}]") is None
    assert "seed 13 (here 14)" in refusal(QAT, "seed=14")


def test_a_damaged_run_is_replaced_only_if_asked_to(place):
    (place / "saved_models/tiny/weights.safetensors").write_bytes(b"half")
    assert refusal().endswith("; --overwrite replaces it")
    assert asked(overwrite=True) is None


def test_an_ensemble_does_not_replace_a_single_run(place):
    config = configs.load("tiny.yaml", ["ensemble={name: voting, members: 2}"])
    with pytest.raises(InputError, match=r"ensemble.name none \(here voting\).*name=tiny-2"):
        refuse_ensemble_over(config, "fingerprint", overwrite=False)
    refuse_ensemble_over(config, "fingerprint", overwrite=True)


@pytest.mark.parametrize("verb", ["run", "train", "compress"])
def test_every_verb_that_trains_asks_first(place, verb):
    before = (place / "saved_models/tiny/manifest.json").read_bytes()
    done = tfapps(verb, "tiny.yaml", "train.learning_rate=0.5", cwd=place)
    assert done.returncode == 2
    assert done.stderr == (
        "error: saved_models/tiny is a finished run with other values: train.learning_rate 0.001 "
        f"(here 0.5){KEPT}\n"
    )
    assert (place / "saved_models/tiny/manifest.json").read_bytes() == before


def test_training_again_keeps_the_files_that_were_exported(place):
    before = (place / "saved_models/tiny/manifest.json").read_bytes()
    done = tfapps("train", "tiny.yaml", cwd=place)
    assert "tiny: already trained with this config and data" in done.stdout
    assert (place / "saved_models/tiny/manifest.json").read_bytes() == before
