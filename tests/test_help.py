"""Help: --help of every verb, the keys of configs, completion, logs, names of artefacts."""

import io
import json
import re
import shlex
import subprocess

import pytest
from running import ROOT, tfapps

from tfapps import registry
from tfapps.cli import _log, _parser
from tfapps.config import keys
from tfapps.config.sections import RunConfig, TrainConfig
from tfapps.errors import InputError
from tfapps.serve.predictor import Predictor

PARSER = _parser.parser_of_all()
TRAINING = {"run", "train", "compress", "export", "verify", "ensemble", "launch", "tune"}


def help_of(verb):
    (verbs,) = (action for action in PARSER._actions if action.choices)
    return verbs.choices[verb].format_help()


@pytest.mark.parametrize("name", _parser.VERBS)
def test_help_says_what_a_verb_does_with_examples_and_a_page(name):
    verb, text = _parser.verb_of(name), help_of(name)
    for line in (verb.HELP, verb.DETAIL):
        assert "\n" not in line
        assert 20 < len(line) < 130
        assert line in text
    assert f"default artefact: {verb.ARTIFACT}\n" in text
    assert len(verb.EXAMPLES) == len(set(verb.EXAMPLES)) == 2
    assert f"documentation: docs/{verb.PAGE}\n" in text
    assert (ROOT / "docs" / verb.PAGE).is_file()


@pytest.mark.parametrize("name", _parser.VERBS)
def test_examples_of_help_are_commands_of_their_verb(name):
    for example in _parser.verb_of(name).EXAMPLES:
        assert f"  {example}\n" in help_of(name)
        command = re.search(r"tfapps [^|>]+", example)[0]
        arguments = PARSER.parse_args(shlex.split(command)[1:])
        assert arguments.verb == name


def test_verbs_that_train_take_quiet_and_a_log_file():
    taking = {name for name in _parser.VERBS if "--log-file FILE" in help_of(name)}
    assert taking == {name for name in _parser.VERBS if "--quiet" in help_of(name)} == TRAINING


def test_values_may_follow_an_option(tmp_path):
    (tmp_path / "c.yaml").write_text("task: {name: nothing}\n", encoding="utf-8")
    done = tfapps("tune", "c.yaml", "--quiet", "train.epoch=1", cwd=tmp_path)
    assert "train.epoch: unknown key; did you mean 'epochs'" in done.stderr


# Keys


def test_every_key_of_every_section_is_explained():
    paths = {(key.path, key.plugin) for key in keys.explain()}
    for section, kind in keys.PLUGINS.items():
        for name in registry.names(kind):
            for field in registry.load(kind, name).Config.model_fields:
                assert (f"{section}.{field}", name) in paths
    assert {f"train.{field}" for field in TrainConfig.model_fields} <= {path for path, _ in paths}
    assert {path.partition(".")[0] for path, _ in paths} == set(RunConfig.model_fields)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("train.epochs", "train.epochs: int >= 0 and <= 1000000, default 3\n    0 where the task"),
        ("bert.layers", "model.layers (of bert): int >= 1 or null, default null\n    number of"),
        ("model.bilstm.units", "model.units (of bilstm): int >= 1, default 128"),
        ("export", "export: list of str, default"),
        ("trim_vocabulary.size", "fill up to this many pieces"),
    ],
)
def test_a_key_has_type_default_and_meaning(wanted, expected):
    (key,) = keys.explain(wanted)
    assert expected in str(key)


def test_sections_and_plugins_select_their_keys(tmp_path):
    assert {key.path for key in keys.explain("train")} == {
        f"train.{name}" for name in TrainConfig.model_fields
    }
    assert {key.plugin for key in keys.explain("text_cnn")} == {"text_cnn"}
    models = {key.plugin for key in keys.explain("max_length")}
    assert models == set(registry.names("model"))
    done = tfapps("list", "--keys", "train.epochs", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)[0]["default"] == "default 3"
    with pytest.raises(InputError, match=r"no key 'train.epoch' .*; did you mean 'train.epochs'"):
        keys.explain("train.epoch")


def test_comments_and_docstrings_explain_fields():
    source = (
        "class A:\n    # One\n    # two.\n    a: int = 1\n    b: int = 2  # behind\n    c: int\n"
    )
    assert keys._comments(source) == {"a": "One two.", "b": "behind"}
    doc = "A.\n\nAttributes:\n    a, b: of\n        two.\n    c: third.\n\nMore: none."
    assert keys._attributes(doc) == {"a": "of two.", "b": "of two.", "c": "third."}


def test_list_as_json_has_all_that_has_a_name(tmp_path):
    lists = json.loads(tfapps("list", "--json", cwd=tmp_path).stdout)
    assert lists["models"] == registry.names("model")
    assert "keras" in lists["artefacts"]
    assert "intents_bert_sample" in lists["configs"]
    plain = tfapps("list", cwd=tmp_path).stdout
    assert [line.split()[0] for line in plain.splitlines()] == list(lists)


# Completion


def completed(folder, *words):
    """What bash offers for the last word."""
    script = tfapps("completion", "bash", cwd=folder).stdout
    typed = " ".join(map(shlex.quote, words))
    call = f"COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _tfapps; printf '%s\\n' "
    call += '"${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{call}"], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_bash_completes_verbs_options_runs_and_files(tmp_path):
    (tmp_path / "saved_models" / "tickets").mkdir(parents=True)
    (tmp_path / "tickets.csv").touch()
    assert completed(tmp_path, "tfapps", "in") == ["init", "inspect"]
    assert completed(tmp_path, "tfapps", "init", "--ma") == ["--max-mb"]
    assert completed(tmp_path, "tfapps", "init", "tick") == ["tickets.csv"]
    for verb in ("predict", "verify"):
        assert completed(tmp_path, "tfapps", verb, "tick") == ["tickets", "tickets.csv"]
    assert completed(tmp_path, "tfapps", "completion", "fi") == ["fish"]


def test_other_shells_get_every_verb(tmp_path):
    zsh = tfapps("completion", "zsh", cwd=tmp_path).stdout
    assert zsh.startswith("autoload -U +X bashcompinit && bashcompinit\n_tfapps()")
    fish = tfapps("completion", "fish", cwd=tmp_path).stdout
    for name in _parser.VERBS:
        assert f"-n __fish_use_subcommand -a {name} -d '" in fish
    assert "-n '__fish_seen_subcommand_from init' -l max-mb -r -d " in fish
    assert "-n '__fish_seen_subcommand_from run' -l quiet -d " in fish


# What is printed


def test_quiet_prints_nothing_and_a_log_file_gets_all(workplace, monkeypatch):
    options = ("--quiet", "--log-file", "verify.log")
    done = tfapps("verify", "tiny.yaml", *options, cwd=workplace)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    log = (workplace / "verify.log").read_text(encoding="utf-8")
    plain = tfapps("verify", "tiny.yaml", "--log-file", "verify.log", cwd=workplace)
    assert "verifying" in plain.stdout + plain.stderr
    assert "verifying" in log
    appended = (workplace / "verify.log").read_text(encoding="utf-8")
    assert appended.startswith(log)
    assert len(appended) > len(log)


def test_errors_are_printed_and_logged(tmp_path):
    (tmp_path / "c.yaml").write_text("task: {name: nothing}\n", encoding="utf-8")
    done = tfapps("tune", "c.yaml", "--quiet", "--log-file", "tune.log", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown task 'nothing'" in done.stderr
    assert "unknown task 'nothing'" in (tmp_path / "tune.log").read_text(encoding="utf-8")
    done = tfapps("tune", "c.yaml", "--log-file", "no/tune.log", cwd=tmp_path)
    assert done.stderr == "error: --log-file: cannot write no/tune.log: No such file or directory\n"


def test_a_copied_stream_is_a_stream(tmp_path):
    terminal, file = io.StringIO(), io.StringIO()
    for quiet in (False, True):
        stream = _log.Copied(terminal, file, quiet)
        assert stream.write("line\n") == 5
        stream.flush()
        assert stream.isatty() is False
    assert (terminal.getvalue(), file.getvalue()) == ("line\n", "line\nline\n")


NOISE = ("INFO:", "WARNING", "cuda", "CUDA", "cuInit", "TensorFlow", "oneDNN", "XNNPACK")


def test_a_run_prints_no_notes_of_its_libraries(workplace):
    log = (workplace / "run.log").read_text(encoding="utf-8")
    assert "verifying litert_int8" in log
    assert [line for line in log.splitlines() if any(word in line for word in NOISE)] == []


def test_artefacts_may_be_named_in_short(workplace):
    short, full = (
        tfapps("predict", "tiny", "the pear", "--artifact", name, cwd=workplace)
        for name in ("int8", "litert_int8")
    )
    assert short.returncode == 0, short.stderr
    assert short.stdout == full.stdout
    assert Predictor.open(workplace / "saved_models/tiny", "int8").artifact == "litert_int8"
    figures = tfapps(
        "evaluate", "tiny", "--data", "dev.tsv", "--artifact", "int8", "--json", cwd=workplace
    )
    assert json.loads(figures.stdout.splitlines()[-1])["artifact"] == "litert_int8"
    for verb in (["predict", "tiny", "a"], ["evaluate", "tiny", "--data", "dev.tsv"]):
        done = tfapps(*verb, "--artifact", "int9", cwd=workplace)
        assert done.returncode == 2
        assert (
            "has no artefact 'int9'; available: keras, saved_model, litert_dynamic" in done.stderr
        )
