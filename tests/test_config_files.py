"""Config files and overrides: what is misread is named with its line."""

from pathlib import Path

import pytest
import yaml
from plugins import GOOD, good, install, load_problems, written

from tfapps.config import load as configs
from tfapps.config import sections, strict_yaml


@pytest.fixture(autouse=True)
def _plugins(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch)


# Files


def test_a_key_given_twice_names_both_lines(tmp_path):
    path = written(
        tmp_path,
        "task: {name: classification}\ntrain:\n  epochs: 1\n  l2: 0\n  epochs: 2\n"
        "task: {name: x}\ntask: {name: y}\n",
    )
    assert load_problems(path) == [
        "train.epochs: given twice, lines 3 and 5",
        "task: given 3 times, lines 1, 6 and 7",
    ]


def test_a_key_given_twice_inside_a_list(tmp_path):
    path = written(tmp_path, "compress:\n  - name: prune\n    name: qat\n")
    assert load_problems(path) == ["compress[0].name: given twice, lines 2 and 3"]


def test_anchors_and_merges_work(tmp_path):
    shared = yaml.safe_dump(GOOD) + (
        "seed: &n 7\ntuning: {<<: {rank: *n}, name: lora}\n"
        "compress:\n- {<<: {sparsity: 0.1, name: prune}, sparsity: 0.9}\n"
    )
    run = configs.load(written(tmp_path, shared))
    assert (run.seed, run.tuning.rank, run.compress[0].sparsity) == (7, 7, 0.9)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("task: {name: x\nmodel: y\n", 2, "not YAML"),
        ("a: 1\n\tb: 2\n", 2, "not YAML: found character '\\t'"),
        ("a: b: c\n", 1, "not YAML: mapping values are not allowed here"),
        ("a: 1\nb: !!python/object:os.system x\n", 2, "could not determine a constructor"),
        ("a: 1\n---\nb: 2\n", 2, "but found another document"),
        ("a: 1\nb: \x01\n", 2, "the character '\\x01' is not allowed"),
        ("a: 1\n{b: 2}: 3\n", 2, "unhashable key"),
        (b"a: 1\nb: \xff\n", 2, "not UTF-8 text; save it as UTF-8"),
    ],
)
def test_unreadable_yaml_names_file_and_line(tmp_path, text, line, says):
    path = written(tmp_path, text)
    (problem,) = load_problems(path)
    assert problem.startswith(f"{path}, line {line}: ")
    assert says in problem


def test_an_impossible_date_is_refused(tmp_path):
    (problem,) = load_problems(written(tmp_path, "seed: 2024-99-99\n"))
    assert "a value cannot be read: month must be in 1..12; quote it" in problem


def test_yaml_nested_too_deeply_is_refused(tmp_path):
    (problem,) = load_problems(written(tmp_path, "a: " + "[" * 5000))
    assert problem.endswith("nested too deeply to be a config")


def test_a_yaml_bomb_is_one_short_line(tmp_path):
    levels = "".join(f"b{i}: &b{i} [{', '.join([f'*b{i - 1}'] * 9)}]\n" for i in range(1, 12))
    path = written(tmp_path, "b0: &b0 [x]\n" + levels + "train: {epochs: *b11}\n")
    assert max(map(len, load_problems(path))) < 400


@pytest.mark.parametrize("level", ["[{}]", "{{<<: [{}]}}"])
def test_aliases_that_expand_to_too_much_are_refused(tmp_path, level):
    """Merged mappings are copied key by key: without a bound the second one takes hours."""
    levels = [
        f"b{i}: &b{i} " + level.format(", ".join([f"*b{i - 1}"] * 9)) + "\n" for i in range(1, 12)
    ]
    path = written(tmp_path, "b0: &b0 {x: 1}\n" + "".join(levels))
    assert load_problems(path) == [
        f"{path}: its aliases (*name) stand for more than 100,000 values; write out what they "
        "repeat, or repeat less"
    ]


def test_usual_aliases_are_allowed(tmp_path):
    shared = "shared: &s {a: 1}\n" + "".join(f"k{i}: {{<<: *s, b: [*s, *s]}}\n" for i in range(500))
    parsed = strict_yaml.parse(shared, "x")
    assert parsed["k499"] == {"a": 1, "b": [{"a": 1}, {"a": 1}]}


def test_a_recursive_anchor_is_refused(tmp_path):
    (line,) = load_problems(written(tmp_path, yaml.safe_dump(GOOD) + "train: &a {l2: *a}\n"))
    assert line.startswith("train.l2: got {'l2': {'l2': {...}}} (dict), expected float >= 0")


@pytest.mark.parametrize(
    ("text", "got"), [("", "an empty file"), ("- a\n", "['a'] (list)"), ("bert\n", "'bert' (str)")]
)
def test_a_file_that_is_no_mapping(tmp_path, text, got):
    path = written(tmp_path, text)
    assert load_problems(path) == [
        f"{path}: got {got}, expected a mapping with task, data and model"
    ]


def test_a_missing_file_names_the_nearest(tmp_path):
    existing = written(tmp_path, "", "support_bert.yaml")
    path = tmp_path / "suport_bert.yaml"
    assert load_problems(path) == [f"{path}: no such config; did you mean {existing}?"]


def test_a_missing_file_is_looked_for_in_configs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    written(Path("configs"), "", "support_bert.yaml")
    assert load_problems("support_bert") == [
        "support_bert: no such config; did you mean configs/support_bert.yaml?"
    ]


def test_a_missing_file_with_nothing_near(tmp_path):
    assert load_problems(tmp_path / "x.yaml") == [
        f"{tmp_path / 'x.yaml'}: no such config; there is no config of a similar name"
    ]


def test_a_folder_is_no_config(tmp_path):
    assert load_problems(tmp_path) == [f"{tmp_path}: cannot read this config: Is a directory"]


# Overrides


@pytest.fixture
def path(tmp_path):
    return written(tmp_path, yaml.safe_dump(good(compress=[{"name": "prune"}])))


def test_overrides_take_dotted_paths_and_yaml_values(path):
    run = configs.load(
        path,
        [
            "train.epochs=2",
            "train.learning_rate=3e-4",
            "train.clip_norm=",
            "compress=[]",
            "export=[saved_model]",
            "tuning.name=lora",
            "tuning.rank=2",
            "data.train=a=b.tsv",
            "name=other",
            "train.epochs=4",
        ],
    )
    assert (run.train.epochs, run.train.learning_rate, run.train.clip_norm) == (4, 3e-4, None)
    assert (run.compress, run.export, run.tuning.rank) == ([], ["saved_model"], 2)
    assert (run.data.train, run.name) == ("a=b.tsv", "other")


def test_an_override_of_shared_anchors_changes_one_place_only(tmp_path):
    text = yaml.safe_dump(GOOD) + "train: &t {l2: 0.5}\ntext: {}\n"
    run = configs.load(written(tmp_path, text), ["train.l2=0.25"])
    assert run.train.l2 == 0.25
    from_one = {"a": {"x": 1}}
    from_one["b"] = from_one["a"]
    changed = strict_yaml.override(from_one, ["a.x=2"], [])
    assert changed == {"a": {"x": 2}, "b": {"x": 1}}
    assert from_one["a"] == {"x": 1}


def test_malformed_overrides_are_listed_with_the_rest(path):
    assert load_problems(
        path,
        [
            "compress",
            "\ud83d.x=1",
            "=1",
            "train..epochs=1",
            "export=[",
            "train={l2: 0, l2: 1}",
            "train.epoch=1",
        ],
    ) == [
        "override 'compress': expected key=value with a dotted key, such as train.epochs=2",
        "override '\\ud83d.x=1': expected key=value with a dotted key, such as train.epochs=2",
        "override '=1': expected key=value with a dotted key, such as train.epochs=2",
        "override 'train..epochs=1': expected key=value with a dotted key, such as train.epochs=2",
        "override 'export=[', line 1: not YAML: expected the node content, "
        "but found '<stream end>'",
        "override 'train={l2: 0, l2: 1}': l2: given twice, lines 1 and 1",
        "train.epoch: unknown key; did you mean 'epochs'?; known: "
        + ", ".join(sections.TrainConfig.model_fields),
    ]


def test_an_override_through_a_value_or_a_list(path):
    assert load_problems(path, ["task.name.x=1", "compress.0.sparsity=0.9"]) == [
        "override 'task.name.x=1': task.name is 'classification' (str), not a mapping; "
        "give task.name= as a whole",
        "override 'compress.0.sparsity=0.9': compress is [{'name': 'prune'}] (list), "
        "not a mapping; give compress= as a whole",
    ]


def test_another_model_reports_the_keys_of_the_old_one(tmp_path):
    path = written(tmp_path, yaml.safe_dump(good(model={"name": "bert", "preset": "x"})))
    assert load_problems(path, ["model.name=bilstm"]) == [
        "model.preset: unknown key; known: name, units"
    ]


def test_overrides_are_checked_though_the_file_is_missing(tmp_path):
    lines = load_problems(tmp_path / "x.yaml", ["broken"])
    assert len(lines) == 2
    assert "no such config" in lines[0]
    assert "override 'broken'" in lines[1]
