"""Defaults that depend on what is trained."""

import pytest
import tiny
import yaml

from tfapps import registry
from tfapps.config import load as configs

DATA = {"source": "tsv", "train": "a.tsv", "dev": "b.tsv", "text": "text", "label": "label"}
PAIRS = {"source": "parallel", "languages": ["de", "en"], "train": "train", "dev": "dev"}
PRESET = {"name": "bert", "preset": "minilm_l6"}


def rate(model, **more):
    """The learning rate of a config that states none."""
    model = {"max_length": 16, **model}
    seq2seq = registry.plugin("model", model["name"]).provides == "seq2seq"
    task, data = ("translation", PAIRS) if seq2seq else ("classification", DATA)
    raw = {"task": {"name": task}, "data": data, "model": model, **more}
    return configs.from_dict(raw, "run").train.learning_rate


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (PRESET, 5e-5),
        (tiny.section("model", "bert"), 3e-4),
        (tiny.section("model", "bilstm"), 2e-3),
        (tiny.section("model", "bilstm_cnn"), 3e-3),
        (tiny.section("model", "text_cnn"), 2e-3),
        (tiny.section("model", "seq2seq_lstm"), 2e-3),
        (tiny.section("model", "seq2seq_transformer"), 1e-3),
    ],
)
def test_models_have_learning_rates_of_their_own(model, expected):
    assert rate(model) == expected
    assert rate(model, train={"epochs": 2}) == expected


@pytest.mark.parametrize("name", registry.names("tuner"))
def test_few_weights_learn_faster_than_all(name):
    few = name not in ("full", "gradual", "layerwise")
    assert rate(PRESET, tuning=tiny.section("tuner", name)) == (2e-3 if few else 5e-5)


def test_a_stated_learning_rate_stays_and_a_written_config_states_it():
    assert rate(PRESET, train={"learning_rate": 1e-4}) == 1e-4
    raw = {"task": {"name": "classification"}, "data": DATA, "model": tiny.section("model", "bert")}
    config = configs.from_dict(raw, "run")
    assert yaml.safe_load(configs.dump(config))["train"]["learning_rate"] == 3e-4


def exports(task, data, model, **more):
    """The artefacts of a config that states none, and of the same config written down."""
    raw = {"task": {"name": task}, "data": data, "model": {"max_length": 16, **model}, **more}
    config = configs.from_dict(raw, "run")
    assert yaml.safe_load(configs.dump(config))["export"] == config.export
    return config.export


CORPUS = {"source": "corpus", "train": "text.txt", "dev": "text.txt"}


@pytest.mark.parametrize(
    ("task", "data", "model", "expected"),
    [
        ("classification", DATA, "text_cnn", ["litert_dynamic"]),
        ("translation", PAIRS, "seq2seq_lstm", ["litert_dynamic"]),
        ("masked_lm", CORPUS, "bert", []),
    ],
)
def test_a_config_without_exports_has_those_of_its_task(task, data, model, expected):
    assert exports(task, data, tiny.section("model", model)) == expected


def test_ranges_that_training_learned_are_exported_as_integers():
    for bits, expected in ((8, ["litert_int8"]), (None, ["litert_dynamic"])):
        qat = {"name": "qat", "activation_bits": bits}
        assert exports("classification", DATA, PRESET, compress=[qat]) == expected


def test_an_empty_list_of_exports_stays_empty():
    assert exports("classification", DATA, PRESET, export=[]) == []
