"""Other runtimes that answer a run's files: the contract, the programs, and `tfapps verify`."""

import inspect
import json
import math
import os
import re
import sys
from pathlib import Path
from unittest import mock

import bare
import pytest
from running import ROOT, copied, tfapps

from tfapps import registry
from tfapps.bundle.bundle import Bundle
from tfapps.errors import Failure
from tfapps.serve.predictor import Predictor
from tfapps.verify import asking
from tfapps.verify.clients.base import PROGRAMS, File, python_of

CLIENTS = registry.names("client")
PYTHON = sys.executable
TEXTS = ["I want the plum number 3", "A DRILL, please: it's for Ann's 2 saws!", "want " * 30]
MEDIAPIPE = os.environ.get("TFAPPS_MEDIAPIPE_PYTHON")
REASON = "TFAPPS_MEDIAPIPE_PYTHON names no Python with mediapipe"


def client(name):
    return registry.plugin("client", name)


# The contract


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_says_what_it_lacks_and_how_to_get_it(name):
    kind = client(name)
    assert kind.module is None or "cannot be run" in kind.missing("/nowhere/python")
    assert kind.module is None or kind.install
    assert inspect.cleandoc(kind.__doc__)


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_says_which_files_it_does_not_take(name, tmp_path):
    folder = File("saved_model", tmp_path / "saved_model", None)
    assert client(name).refusal(folder)
    assert client(name).refusal(File("litert_float32", tmp_path / "float32.tflite", None))


@pytest.mark.parametrize("name", CLIENTS)
def test_a_command_is_of_the_given_python_and_names_the_file(name, tmp_path):
    path = tmp_path / "float32.tflite"
    command = client(name).command(File("litert_float32", path, {}), PYTHON)
    assert command[0] == PYTHON
    assert Path(command[1]).is_file()
    assert str(path) in command


def test_programs_import_nothing_of_tfapps():
    for path in PROGRAMS.glob("*.py"):
        assert not re.search(r"^\s*(from|import) tfapps", path.read_text("utf-8"), re.M), path.name


def test_the_python_of_a_client_is_the_one_given_then_that_of_the_environment():
    with mock.patch.dict(os.environ, TFAPPS_BARE_PYTHON="/a/python"):
        assert python_of("bare", None) == "/a/python"
        assert python_of("bare", "/b/python") == "/b/python"
    with mock.patch.dict(os.environ):
        os.environ.pop("TFAPPS_BARE_PYTHON", None)
        assert python_of("bare", None) == PYTHON


# The programs


def _squeezed(text):
    return re.sub(r"\s+", "", text)


def test_the_bare_program_is_that_of_the_page():
    program = _squeezed((PROGRAMS / "bare_litert.py").read_text(encoding="utf-8"))
    opening, _, answering = bare.block("The program").partition("encoding =")
    opening = opening.partition("carried =")[2]
    inputs = answering.partition("inputs =")[2].splitlines()[0]
    for part in (opening, inputs, *bare.block("One label").splitlines()[1:2]):
        part = part.replace('outputs["logits"][0]', "logits")
        assert _squeezed(part).rstrip(",") in program, part


def test_the_mediapipe_program_normalizes_as_the_guide_does():
    guide = (ROOT / "docs" / "how_to" / "android.md").read_text(encoding="utf-8")
    shown = re.search(r"^def plain.*?(?=\n\n\n)", guide, re.M | re.S)[0]
    program = (PROGRAMS / "mediapipe_text.py").read_text(encoding="utf-8")
    used = re.search(r"^def plain.*?(?=\n\n\n)", program, re.M | re.S)[0]
    assert shown.splitlines()[2:] == used.splitlines()[2:]


def test_the_version_of_mediapipe_is_the_same_everywhere():
    pinned = (ROOT / "requirements-mediapipe.txt").read_text(encoding="utf-8").splitlines()[-1]
    page = (ROOT / "docs" / "how_to" / "real_clients.md").read_text(encoding="utf-8")
    assert client("mediapipe").install.endswith(f" install {pinned}")
    assert f"pip install {pinned}\n" in page


def answered(bundle, artifact="litert_float32", texts=TEXTS):
    """What the bare client answers, beside the bundle."""
    bundle = Bundle.open(bundle)
    file = asking.file_of(artifact, bundle.artifact(artifact))
    assert client("bare").refusal(file) is None
    runtime, answers = asking.ask(client("bare"), file, texts, PYTHON)
    assert runtime.startswith("ai-edge-litert ")
    return asking.compare(Predictor.open(bundle.path, artifact)(texts), answers), answers


@pytest.mark.parametrize(
    ("name", "decides"), [("many_labels", "labels"), ("regression", "number"), ("pairs", "label")]
)
def test_bare_litert_answers_as_the_bundle_does(tiny_runs, name, decides):
    texts = [(TEXTS[0], TEXTS[1]), (TEXTS[1], TEXTS[2])] if name == "pairs" else TEXTS
    compared, answers = answered(tiny_runs(name) / "saved_models" / name, texts=texts)
    assert (compared.rows, compared.different, compared.decides) == (len(texts), (), decides)
    assert all(decides in answer for answer in answers)


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        (
            {"task": "tagging", "api": "CompiledModel", "inputs": []},
            "it is of the task tagging, not classification",
        ),
        (
            {"task": "classification", "api": "CompiledModel", "inputs": [{"name": "case_ids"}]},
            "it reads case_ids, which no tokenizer gives",
        ),
        (
            {
                "task": "classification",
                "api": "CompiledModel",
                "inputs": [{"name": "token_ids", "from": "ids"}],
            },
            None,
        ),
    ],
)
def test_bare_litert_takes_files_whose_inputs_the_tokenizer_gives(about, reason):
    refusal = client("bare").refusal(File("litert_float32", Path("float32.tflite"), about))
    assert refusal is None if reason is None else refusal.startswith(reason)


def test_mediapipe_takes_the_files_that_say_so():
    for reason in (None, "it reads pairs of texts"):
        file = File("litert_float32", Path("float32.tflite"), {"mediapipe": reason})
        assert client("mediapipe").refusal(file) == reason


# Asking and comparing


def child(program):
    """A client whose child runs a program."""
    kind = mock.Mock()
    kind.command.return_value = [PYTHON, "-c", program]
    return kind


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("raise SystemExit('no such model')", "failed: no such model"),
        ("print('hello')", "wrote no line with its runtime first"),
        ("", "wrote no line with its runtime first"),
        ('print(\'{"runtime": "x 1"}\')', "gave 0 answers to 2 texts"),
    ],
)
def test_a_child_that_does_not_answer_fails_with_a_line(program, message):
    file = File("litert_int8", Path("int8.tflite"), {})
    with pytest.raises(Failure, match=f"^litert_int8: .*{message}"):
        asking.ask(child(program), file, ["a", "b"], PYTHON)


def test_texts_and_answers_of_any_characters_pass_unchanged():
    program = (
        "import json, sys\nprint(json.dumps({'runtime': 'x 1'}))\n"
        "for line in sys.stdin: print(json.dumps({'label': json.loads(line)}))"
    )
    texts = ["a\nb\u2028c\x85d", "", "日本 😀", ["one", "two"]]
    file = File("litert_int8", Path("int8.tflite"), {})
    runtime, answers = asking.ask(child(program), file, texts, PYTHON)
    assert (runtime, [answer["label"] for answer in answers]) == ("x 1", texts)


RIGHT = {"label": "a", "score": 0.5, "top": [["a", 0.5], ["b", 0.5], ["c", 0.0]]}


@pytest.mark.parametrize(
    ("right", "answer", "different", "ties"),
    [
        (RIGHT, {"label": "a", "score": 0.50001}, 0, 0),
        (RIGHT, {"label": "b", "score": 0.5}, 0, 1),
        (RIGHT, {"label": "b", "score": 0.6}, 1, 0),
        (RIGHT, {"label": "c", "score": 0.5}, 1, 0),  # labels in another order
        (RIGHT, {"label": "d", "score": 0.5}, 1, 0),
        (RIGHT, {"klass": "a"}, 1, 0),
        (RIGHT, {}, 1, 0),
        ({"labels": ["a", "b"], "scores": [0.9, 0.8]}, {"labels": ["b", "a"]}, 0, 0),
        ({"labels": ["a"], "scores": [0.9]}, {"labels": []}, 1, 0),
        ({"number": 5000.0}, {"number": 5001.0}, 0, 0),
        ({"number": 5.0}, {"number": 5.1}, 1, 0),
        ({"number": 5.0}, {"number": math.nan}, 1, 0),
    ],
)
def test_rows_are_the_same_if_their_decisions_are(right, answer, different, ties):
    compared = asking.compare([right], [answer])
    assert (len(compared.different), compared.ties) == (different, ties)


def test_the_largest_difference_of_scores_is_reported():
    answers = [{"label": "a", "score": 0.5}, {"label": "a", "score": 0.75}]
    assert asking.compare([RIGHT, RIGHT], answers).difference == 0.25
    answers[0]["score"] = math.nan
    assert math.isnan(asking.compare([RIGHT, RIGHT], answers).difference)
    assert asking.compare([{"number": 1.0}], [{"number": 1.0}]).difference is None


# The verb


def test_the_dev_set_is_answered_in_another_runtime(workplace):
    copied(workplace, "client")
    done = tfapps("verify", "client", "--client", "bare", cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "skipped in bare: saved_model: it is no .tflite file" in done.stdout
    bundle = Bundle.open(workplace / "saved_models/client")
    card = (bundle.path / "README.md").read_text()
    for artifact in ("litert_float32", "litert_dynamic", "litert_int8"):
        entry = bundle.proof[artifact]["clients"]["bare"]
        assert (entry["rows"], entry["same"] + entry["ties"]) == (24, 24)
        assert entry["max_difference"] < 1e-3
        assert re.search(
            rf"- {artifact}: the same label for \d+ of 24 dev rows in ai-edge-litert \d", card
        )


def test_a_client_that_answers_wrongly_is_reported(workplace):
    copied(workplace, "wrong")
    program = (
        "import json, sys\nprint(json.dumps({'runtime': 'Oracle 9'}))\n"
        "for line in sys.stdin: print(json.dumps({'label': 'fruit', 'score': 0.0}))"
    )
    options = ("--client", "bare", "--artifact", "float32")
    with mock.patch.object(client("bare"), "command", return_value=[PYTHON, "-c", program]):
        done = tfapps("verify", workplace / "saved_models/wrong", *options, cwd=workplace)
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert "failed: litert_float32: Oracle 9 gives another label for " in first
    assert re.search(r" of 24 dev rows: row \d+ 'I want the ", first)
    assert "scores of Oracle 9 are up to" in second
    proof = Bundle.open(workplace / "saved_models/wrong").proof
    assert proof["litert_float32"]["clients"]["bare"]["same"] < 24


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--client", "baer"), "unknown client 'baer': expected one of bare, mediapipe; did you"),
        (
            ("--client", "mediapipe", "--python", "/nowhere/python"),
            "client mediapipe cannot run here: /nowhere/python cannot be run: No such file or "
            "directory; `python -m venv mediapipe_env && mediapipe_env/bin/pip install mediapipe==",
        ),
        (("--client", "bare", "--artifact", "int3"), "has no artefact 'int3'; available: "),
        (
            ("--client", "bare", "--artifact", "saved_model"),
            "client bare takes no file of this run: saved_model: it is no .tflite file",
        ),
        (("--python", "p"), "--python goes with --client; give --client NAME, or leave it out"),
        (("--artifact", "int8"), "--artifact goes with --client"),
        (("train.epochs=2",), "tiny is a run, which has its config: got train.epochs=2, expected"),
    ],
)
def test_a_client_that_cannot_be_asked_ends_with_a_line(workplace, options, message):
    done = tfapps("verify", "tiny", *options, cwd=workplace)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert message in line


def test_a_run_that_is_not_there_is_named_with_the_nearest(workplace):
    done = tfapps("verify", "tinny", "--client", "bare", cwd=workplace)
    assert done.returncode == 2
    assert done.stderr == (
        "error: tinny: no such config or run; expected a YAML file, a run's folder, or a name of "
        "saved_models/; did you mean 'tiny'?\n"
    )


def test_all_clients_skips_those_that_cannot_run_here(workplace):
    copied(workplace, "everywhere")
    with mock.patch.dict(os.environ, TFAPPS_MEDIAPIPE_PYTHON="/nowhere/python"):
        options = ("--client", "all", "--artifact", "float32")
        done = tfapps("verify", "everywhere", *options, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "skipped: client mediapipe cannot run here: /nowhere/python cannot be" in done.stdout
    assert list(
        Bundle.open(workplace / "saved_models/everywhere").proof["litert_float32"]["clients"]
    ) == ["bare"]


@pytest.mark.slow
def test_verify_takes_the_folder_of_a_run(workplace):
    copied(workplace, "folder")
    folder = workplace / "saved_models/folder"
    (workplace / "elsewhere").mkdir()
    folder = folder.rename(workplace / "elsewhere/folder")
    done = tfapps("verify", folder, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "verifying litert_int8 on 24 rows" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(MEDIAPIPE is None, reason=REASON)
def test_the_dev_set_is_answered_in_mediapipe(workplace):
    copied(workplace, "phone")
    done = tfapps("verify", "phone", "--client", "mediapipe", cwd=workplace)
    assert done.returncode == 0, done.stderr
    proof = json.loads((workplace / "saved_models/phone/verify.json").read_text())
    entry = proof["litert_dynamic"]["clients"]["mediapipe"]
    assert entry["runtime"].startswith("MediaPipe ")
    assert entry["same"] + entry["ties"] == entry["rows"] == 24
