"""The config: strict, and every problem at once."""

from pathlib import Path

import pytest
import yaml
from plugins import FILES, GOOD, good, install, load_problems, problems, written
from pydantic import Field

from tfapps import registry
from tfapps.config import load as configs
from tfapps.config import messages, sections
from tfapps.errors import ConfigError


@pytest.fixture(autouse=True)
def _plugins(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch)


# What a good config becomes


def test_a_short_config_gets_every_default():
    run = configs.from_dict(good(), "run")
    assert (run.name, run.seed, run.compress, run.export) == ("run", 13, [], [])
    assert (run.tuning.name, run.objective.name) == ("full", "plain")
    assert run.train == sections.TrainConfig(learning_rate=1e-3)  # that of a model
    assert run.text == sections.TextConfig()
    assert type(run.model) is registry.load("model", "bert").Config


def test_sections_are_instances_of_the_plugin_they_name():
    run = configs.from_dict(
        good(
            tuning={"name": "lora", "rank": 4},
            compress=[{"name": "prune", "sparsity": 0.8}],
            export=["saved_model", "litert_int8"],
        ),
        "run",
    )
    assert run.tuning.rank == 4
    assert run.compress[0].sparsity == 0.8
    assert run.export == ["saved_model", "litert_int8"]


@pytest.mark.parametrize("key", ["text", "train", "tuning", "objective", "compress", "export"])
def test_an_optional_section_left_empty_is_its_default(key):
    assert configs.from_dict(good(**{key: None}), "run") == configs.from_dict(good(), "run")


def test_a_config_cannot_be_changed():
    run = configs.from_dict(good(), "run")
    with pytest.raises(ValueError, match="frozen"):
        run.train.epochs = 5


def test_the_name_comes_from_the_file(tmp_path):
    assert configs.load(written(tmp_path, yaml.safe_dump(GOOD), "intents.yaml")).name == "intents"
    assert configs.load(written(tmp_path, yaml.safe_dump(GOOD), "intents.yml")).name == "intents"


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path):
    text = "\ufeff" + yaml.safe_dump(GOOD).replace("\n", "\r\n")
    assert configs.load(written(tmp_path, text)).model.name == "bert"


@pytest.mark.parametrize("text", ["5e-5", "5.0e-5", "5E-5", "0.00005", "+.5e-4", "5.e-5"])
def test_exponents_yaml_reads_as_strings_are_floats(tmp_path, text):
    path = written(tmp_path, yaml.safe_dump(GOOD) + f"train: {{learning_rate: {text}}}\n")
    assert configs.load(path).train.learning_rate == 5e-5


def test_an_exponent_is_no_int():
    assert problems(good(train={"epochs": "1e3"})) == [
        "train.epochs: got '1e3' (str), expected int >= 0 and <= 1000000"
    ]


def test_an_exponent_stays_text_where_text_is_taken():
    assert configs.from_dict(good(data={**GOOD["data"], "dev": "1e3"}), "run").data.dev == "1e3"


def test_an_int_is_a_float_but_a_bool_is_no_number():
    assert configs.from_dict(good(train={"learning_rate": 1}), "run").train.learning_rate == 1.0
    assert problems(good(train={"learning_rate": True, "epochs": True})) == [
        "train.epochs: got True (bool), expected int >= 0 and <= 1000000",
        "train.learning_rate: got True (bool), expected float > 0",
    ]


def test_a_list_fills_a_tuple():
    assert configs.from_dict(
        good(model={"name": "bert", "buckets": [8, 16]}), "run"
    ).model.buckets == (
        8,
        16,
    )


def test_a_string_fills_a_path_and_dumps_as_one():
    class Files(sections.Section):
        root: Path | None = None
        rates: list[float] = Field([], min_length=1)

    files = Files(root="data", rates=["1e-4", 2])
    assert files.root == Path("data")
    assert files.rates == [1e-4, 2.0]
    assert files.model_dump(mode="json") == {"root": "data", "rates": [1e-4, 2.0]}


# Round trip

TRICKY = [
    "yes",
    "null",
    "1e5",
    "12",
    "~",
    "a: b",
    "# no",
    " x ",
    "ä\u2028\n",
    "",
    "2024-01-01",
    "'",
]


@pytest.mark.parametrize("text", TRICKY)
def test_dump_loads_back_equal(tmp_path, text):
    run = configs.from_dict(
        good(
            seed=7,
            model={"name": "bert", "preset": text, "buckets": [8]},
            data={"source": "tsv", "train": text, "text": [text, "b"]},
            train={"learning_rate": 1e-7, "weight_decay": 1e22, "clip_norm": None},
            compress=[{"name": "prune", "sparsity": 1 / 3}],
            export=["litert_int8"],
        ),
        "first",
    )
    again = configs.load(written(tmp_path, configs.dump(run), "second.yaml"))
    assert again == run
    assert configs.dump(again) == configs.dump(run)


@pytest.mark.parametrize("strip_accents", [True, False])
def test_accents_are_dumped_only_where_they_are_stripped(strip_accents):
    """So the fingerprints of runs from before there was the setting hold."""
    raw = {**GOOD, "text": {"strip_accents": strip_accents}}
    run = configs.from_dict(raw, "x")
    assert ("strip_accents" in configs.dump(run)) is strip_accents
    assert configs.from_dict(yaml.safe_load(configs.dump(run)), "x") == run


def test_dump_spells_defaults_out():
    plain = yaml.safe_load(configs.dump(configs.from_dict(good(), "run")))
    assert plain["train"]["epochs"] == 3
    assert plain["tuning"] == {"name": "full"}
    assert plain["model"]["max_length"] == 128


# Problems


def test_every_section_reports_at_once():
    raw = good(
        name="../up",
        seed=-1,
        trian={},
        task={"name": "clasification"},
        model={"name": "bert", "presett": "x", "max_length": 1000, "gelu": "fast"},
        data={"source": "tsv"},
        text={"vocabulary_size": "big"},
        train={"epochs": "three", "warmup": 1.5, "patience": 0},
        tuning={"name": "lora", "rank": 0},
        objective={"name": "plian"},
        compress=[{"name": "prune", "sparsity": 1}, {"name": "qat"}, "prune"],
        export=["litert_in8", 3],
    )
    assert problems(raw) == [
        "trian: unknown key; did you mean 'train'?; known: name, seed, split_seed, task, data, "
        "model, text, train, tuning, objective, draw, ensemble, compress, export, lengths, "
        "gate, verify, probabilities, search",
        "task.name: unknown task 'clasification': expected one of classification, translation; "
        "did you mean 'classification'?",
        "model.max_length: got 1000 (int), expected int >= 2 and <= 512",
        "model.gelu: got 'fast' (str), expected one of exact, tanh",
        "model.presett: unknown key; did you mean 'preset'?; known: name, preset, max_length, "
        "gelu, dropout, buckets",
        "name: got '../up' (str), expected letters, digits, '_' and '-' (1 to 128 of them)",
        "seed: got -1 (int), expected int >= 0 and < 4294967296",
        "data.train: missing; expected str",
        "text.vocabulary_size: got 'big' (str), expected int >= 16 and <= 10000000",
        "train.epochs: got 'three' (str), expected int >= 0 and <= 1000000",
        "train.warmup: got 1.5 (float), expected float >= 0 and <= 1",
        "train.patience: got 0 (int), expected int >= 1 or null",
        "tuning.rank: got 0 (int), expected int >= 1",
        "objective.name: unknown objective 'plian': expected one of plain; did you mean 'plain'?",
        "compress[0].sparsity: got 1 (int), expected float > 0 and < 1",
        "compress[1].name: unknown compressor 'qat': expected one of prune",
        "compress[2]: got 'prune' (str), expected a mapping with 'name', one of prune",
        "export[0]: unknown artefact 'litert_in8': expected one of litert_float32, litert_int8, "
        "saved_model; did you mean 'litert_int8'?",
        "export[1]: got 3 (int), expected one of litert_float32, litert_int8, saved_model",
    ]


def test_the_text_of_the_error_is_one_line_a_problem():
    with pytest.raises(ConfigError) as caught:
        configs.from_dict(good(train={"epochs": -1, "batch_size": 0}), "run")
    assert str(caught.value).splitlines() == caught.value.problems
    assert len(caught.value.problems) == 2


def test_every_needed_section_is_named_when_missing():
    assert problems({}) == [
        "task: missing; expected a mapping with 'name', one of classification, translation",
        "model: missing; expected a mapping with 'name', one of bert, bilstm",
        "data: missing; expected a mapping with 'source', one of tsv",
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), "1e400"])
@pytest.mark.parametrize("key", ["learning_rate", "weight_decay", "warmup"])
def test_nan_and_infinity_are_refused(key, value):
    (line,) = problems(good(train={key: value}))
    assert line.startswith(f"train.{key}: got ")
    assert ", expected float >" in line


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", -1),
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("learning_rate", 0),
        ("head_learning_rate", -1.0),
        ("schedule", "step"),
        ("warmup", -0.1),
        ("weight_decay", -0.1),
        ("clip_norm", 0),
        ("label_smoothing", 1.0),
        ("l2", -1e-9),
        ("class_weights", True),
        ("accumulate", 0),
        ("patience", 0),
        ("precision", "float16"),
        ("strategy", None),
        ("log_every", 0),
    ],
)
def test_invalid_training_options_are_refused(key, value):
    (line,) = problems(good(train={key: value}))
    assert line.startswith(f"train.{key}: got {value!r} ({type(value).__name__}), expected ")


@pytest.mark.parametrize("path", ["task", "data", "model", "text", "train", "tuning", "objective"])
@pytest.mark.parametrize("value", ["bert", 3, [1]])
def test_a_section_that_is_no_mapping(path, value):
    lines = problems(good(**{path: value}))
    assert len(lines) == 1
    assert lines[0].startswith(
        f"{path}: got {value!r} ({type(value).__name__}), expected a mapping"
    )


@pytest.mark.parametrize("key", ["compress", "export"])
def test_a_list_that_is_no_list(key):
    assert problems(good(**{key: "prune"})) == [f"{key}: got 'prune' (str), expected a list"]


def test_a_section_without_its_name():
    assert problems(good(model={"preset": "x"}, data={"train": "x"})) == [
        "model.name: missing; expected one of bert, bilstm",
        "data.source: missing; expected one of tsv",
    ]


def test_a_name_must_be_a_string():
    assert problems(good(model={"name": 3})) == [
        "model.name: got 3 (int), expected one of bert, bilstm"
    ]


def test_keys_that_are_no_strings():
    assert problems({**good(train={1: 2}), True: 1}) == [
        "True: unknown key; known: name, seed, split_seed, task, data, model, text, train, tuning, "
        "objective, draw, ensemble, compress, export, lengths, gate, verify, probabilities, search",
        "train.1: unknown key; known: " + ", ".join(sections.TrainConfig.model_fields),
    ]


def test_a_union_is_one_line():
    assert problems(good(data={**GOOD["data"], "dev": [1]})) == [
        "data.dev: got [1] (list), expected str or float"
    ]


def test_an_item_of_a_list_is_named_by_its_place():
    assert problems(good(model={"name": "bert", "buckets": [8, "x"]})) == [
        "model.buckets[1]: got 'x' (str), expected int"
    ]


def test_a_rule_of_the_plugin_speaks_for_itself():
    assert problems(good(data={**GOOD["data"], "text": "a", "label": "a"})) == [
        "data: text and label are both 'a'; name two columns"
    ]


def test_nested_sections_are_named_by_their_path():
    class Inner(sections.Section):
        size: int = Field(1, ge=1)

    class Outer(sections.Section):
        inner: Inner = Inner()

    with pytest.raises(ValueError, match="size") as caught:
        Outer(inner={"size": 0, "sise": 1})
    assert messages.explain(caught.value, Outer, "model") == [
        "model.inner.size: got 0 (int), expected int >= 1",
        "model.inner.sise: unknown key; did you mean 'size'?; known: size",
    ]


def test_a_task_the_model_cannot_serve(tmp_path, monkeypatch):
    assert problems(good(task={"name": "translation"})) == [
        "model.name: 'bert' provides encoder, but task 'translation' needs seq2seq; "
        "models that fit: none"
    ]
    files = {**FILES, "model/lstm": FILES["model/bilstm"].replace("pass", "provides = 'seq2seq'")}
    install(tmp_path, monkeypatch, files)
    assert problems(good(task={"name": "translation"}))[0].endswith("models that fit: lstm")


def test_keras_is_never_exported_and_nothing_twice():
    assert problems(good(export=["keras", "saved_model", "saved_model"])) == [
        "export[0]: 'keras' is in every bundle; leave it out",
        "export: 'saved_model' given twice; once is enough",
    ]


@pytest.mark.parametrize("name", ["a/b", "..", ".", "", "a b", "ä", "run\n", "x" * 129, "/etc"])
def test_a_name_that_could_leave_the_folder(name):
    (line,) = problems(good(name=name))
    assert line.startswith(f"name: got {name!r}"[:40])


def test_a_name_yaml_reads_as_a_number():
    assert problems(good(name=123))[0].startswith("name: got 123 (int), expected letters")


def test_a_file_name_that_is_no_run_name(tmp_path):
    (line,) = load_problems(written(tmp_path, yaml.safe_dump(GOOD), "my run.yaml"))
    assert line.endswith("it comes from the file's name, set name: instead")


def test_a_long_value_is_cut():
    (line,) = problems(good(train={"epochs": "x" * 10_000}))
    assert len(line) < 200
    (line,) = problems(good(train={"learning_rate": [[["x"] * 99] * 99] * 99}))
    assert len(line) < 400


def test_a_config_that_is_no_mapping():
    assert problems([1]) == ["config: got [1] (list), expected a mapping"]
