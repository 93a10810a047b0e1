"""One contract of the verbs for every task: each answers, or refuses in one line with code 2."""

import concurrent.futures
import json
import os
import re
import subprocess
import sys
import zipfile

import pytest
import tiny_runs as tiny
from running import ROOT, tfapps
from tiny import FRUIT, TOOLS

from tfapps import registry
from tfapps.bundle.bundle import Bundle
from tfapps.errors import InputError
from tfapps.serve.predictor import Predictor

RUNS = [name for name in tiny.RUNS if name != "many_labels"]
ARTIFACT = "litert_float32"
# Which tasks cannot do a verb.
TASKS = {name: registry.load("task", name).Task for name in registry.names("task")}
REFUSED = {
    "explain": [name for name, task in TASKS.items() if not task.classifies],
    "attack": [
        name
        for name, task in TASKS.items()
        if task.running_text or registry.plugin("form", task.form).searches
    ],
}
ODD = ["I want the pear", "", "a\u2028saw\u2029and\x85a\vdrill\f", "the [MASK] apple 梨 \U0001f600"]


def question(name, text):
    """What a run is asked, as a line and from Python."""
    return (f"{text}\tno saw", (text, "no saw")) if name == "pairs" else (text, text)


def lines(done):
    """The lines of a command that worked; only LF ends one."""
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\n")
    return done.stdout.removesuffix("\n").split("\n")


def refused(done, *expected, answers=0):
    assert (done.returncode, done.stdout.count("\n")) == (2, answers)
    assert len(done.stderr.splitlines()) == 1
    for text in expected:
        assert text in done.stderr


def can(verb, slow=()):
    """The runs that can do a verb; some are left to `make test-slow`."""
    names = [name for name in RUNS if tiny.TASK_OF[name] not in REFUSED[verb]]
    return [pytest.param(n, marks=[pytest.mark.slow] if n in slow else []) for n in names]


def test_every_task_has_a_tiny_run_of_its_name():
    assert set(registry.names("task")) <= set(RUNS)
    assert {"tagging", "intent_slots", "translation", "masked_lm"} <= set(REFUSED["explain"])
    assert {"translation", "masked_lm"} <= set(REFUSED["attack"])
    assert not {"classification", "prompt"} & {*REFUSED["explain"], *REFUSED["attack"]}


@pytest.mark.parametrize("name", RUNS)
def test_predict_gives_an_answer_for_each_line(tiny_runs, name):
    folder = tiny_runs(name)
    asked, pythonic = zip(*(question(name, text) for text in ODD), strict=True)
    by_line = lines(
        tfapps("predict", name, "-", cwd=folder, stdin="\ufeff" + "\r\n".join(asked) + "\n")
    )
    assert by_line == lines(tfapps("predict", name, *asked, cwd=folder))
    answers = [json.loads(line) for line in by_line]
    assert [answer["text"] for answer in answers] == ODD
    expected = Predictor.open(folder / "saved_models" / name)(pythonic)
    for answer, label in zip(answers, expected, strict=True):
        pair = {"text_pair": "no saw"} if name == "pairs" else {}
        assert answer == {"text": answer["text"], **pair, **json.loads(json.dumps(label))}


@pytest.mark.parametrize("name", RUNS)
def test_what_a_run_does_not_read_is_refused(tiny_runs, name):
    folder = tiny_runs(name)
    predictor = Predictor.open(folder / "saved_models" / name)
    pair = json.dumps({"text": "a", "text_pair": "b"})
    wrong, pythonic = ("a saw", "a saw") if name == "pairs" else (pair, ("a", "b"))
    refused(tfapps("predict", name, wrong, cwd=folder), "text 1: ", "this run reads ")
    done = tfapps("predict", name, "-", cwd=folder, stdin=f"{question(name, 'a')[0]}\n{wrong}\n")
    refused(done, "standard input:2: ", "this run reads ", answers=1)  # of the line before
    with pytest.raises(InputError, match="this run was trained on "):
        predictor([pythonic])
    half = question(name, "a\udcff")[0]
    refused(tfapps("predict", name, half, cwd=folder), "text 1: character 2 is half of a surrogate")


@pytest.mark.parametrize("name", RUNS)
def test_threads_get_the_answers_of_one(tiny_runs, name):
    predictor = Predictor.open(tiny_runs(name) / "saved_models" / name, ARTIFACT)
    texts = [f"I want {word} [MASK] {i}" for i in range(30) for word in (*FRUIT, *TOOLS)]
    texts = [question(name, text)[1] for text in texts]
    parts = [texts[i::9] for i in range(9)]
    alone = [predictor(part) for part in parts]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(predictor, parts)) == alone


@pytest.mark.parametrize("name", RUNS)
def test_evaluate_repeats_what_verify_measured(tiny_runs, name):
    folder = tiny_runs(name)
    more = ("--artifact", ARTIFACT, "--json")
    report = json.loads(
        lines(tfapps("evaluate", name, "--data", tiny.RUNS[name].data["dev"], *more, cwd=folder))[
            -1
        ]
    )
    expected = Bundle.open(folder / "saved_models" / name).metrics["dev"][ARTIFACT]
    assert report["metrics"] == pytest.approx(expected, abs=1e-5)


def first_batch(done):
    """What `inspect` shows of the first batch."""
    shown = "\n".join(lines(done))
    return shown.split("# first batch\n")[1].split("\n\n")[0].split("\n")


@pytest.mark.parametrize("name", tiny.RUNS)
def test_inspect_shows_rows_and_what_is_learned_of_them(tiny_runs, name):
    folder = tiny_runs("masked_lm" if name == "prompt" else None)
    shown = first_batch(tfapps("inspect", f"{name}.yaml", "name=looked_at", cwd=folder))
    rows = [line for line in shown if line.startswith("  ")]
    assert len(rows) == 3
    for row in rows:
        assert re.match(f"  {tiny.RUNS[name].shown}", row)
    assert not (folder / "saved_models" / "looked_at").exists()


@pytest.mark.parametrize("seed", range(4))
def test_inspect_leaves_filler_out(tiny_runs, seed):
    folder = tiny_runs(None)
    few = (folder / "train.tsv").read_text(encoding="utf-8").split("\n")[:4]
    (folder / "few.tsv").write_text("\n".join(few), encoding="utf-8")
    more = ("data.train=few.tsv", "train.batch_size=2", f"train.order_seed={seed}")
    shown = first_batch(tfapps("inspect", "classification.yaml", *more, cwd=folder))
    assert "rows x length: 2 x 8" in shown
    assert sum(" <- i want" in line for line in shown) in (1, 2)


def test_inspect_shows_the_stages_of_a_run_that_takes_short_rows_first(tiny_runs):
    more = ("train.short_first=8", "train.batch_size=4")
    shown = first_batch(tfapps("inspect", "masked_lm.yaml", *more, cwd=tiny_runs(None)))
    sizes = [line for line in shown if line.startswith("rows x length: ")]
    assert [re.search("for [0-9]+ steps$", line) is not None for line in sizes] == [True, True]
    assert "4 x 8 for" in sizes[0]


@pytest.mark.parametrize("name", RUNS)
def test_benchmark_measures_every_artefact(tiny_runs, name):
    done = tfapps("benchmark", name, "--rows", "2", "--json", cwd=tiny_runs(name))
    figures = json.loads(lines(done)[-1])
    assert set(figures) == {"keras", ARTIFACT}
    assert all(actual["p95_ms"] >= actual["p50_ms"] > 0 for actual in figures.values())


@pytest.mark.parametrize("name", RUNS)
def test_files_say_whether_a_plain_client_reads_them_right(tiny_runs, name):
    file = tiny_runs(name) / "saved_models" / name / "litert" / "float32.tflite"
    with zipfile.ZipFile(file) as carried:
        about = json.loads(carried.read("tfapps.json"))
    assert (about["mediapipe"] is None) == (name == "classification")


@pytest.mark.parametrize("name", can("explain"))
@pytest.mark.parametrize("method", registry.names("explainer"))
def test_explain_scores_each_word(tiny_runs, name, method):
    folder = tiny_runs(name)
    text, other = "the pear, 梨", "no saw"
    done = tfapps("explain", name, question(name, text)[0], "--method", method, cwd=folder)
    (answer,) = map(json.loads, lines(done))
    of = {"text": text, "text_pair": other}
    words = [
        (of[word.get("of", "text")][word["start"] : word["end"]], word["text"])
        for word in answer["words"]
    ]
    assert [word for word, _ in words] == [word for _, word in words]
    expected = ["the", "pear", ",", "梨", *(other.split() if name == "pairs" else [])]
    assert [word for _, word in words] == expected
    if method == "integrated_gradients":
        assert answer["delta"] < 0.01
    if method == "rollout":
        assert sum(word["score"] for word in answer["words"]) + answer["rest"] == pytest.approx(
            1, abs=1e-4
        )


# Each compiles for seconds; what intent_slots adds to tagging is in no step of an adversary, and
# classification is attacked by test_attack.py.
@pytest.mark.parametrize("name", can("attack", slow=("classification", "pairs", "intent_slots")))
def test_attack_starts_from_what_was_measured(tiny_runs, name):
    folder = tiny_runs(name)
    options = ("--attacks", "all", "--epsilon", "0.5", "--json")
    figures = json.loads(lines(tfapps("attack", name, *options, cwd=folder))[-1])
    metrics = Bundle.open(folder / "saved_models" / name).metrics
    clean = metrics["dev"]["keras"][metrics["headline"]]
    assert {"fgm_l2", "fgsm_max", "pgd_l2", "pgd_max", "mistyped_letters"} <= set(figures)
    assert all(values["0"] == pytest.approx(clean) for values in figures.values())


@pytest.mark.parametrize(
    ("verb", "name"), [(verb, name) for verb, names in REFUSED.items() for name in names]
)
def test_a_verb_that_a_task_cannot_do_is_refused(tiny_runs, verb, name):
    texts = ["a pear"] if verb == "explain" else []
    refused(
        tfapps(verb, name, *texts, cwd=tiny_runs(name)), f"{verb}: {name} ", "expected a run of"
    )


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_an_answer_is_json_whatever_the_output_can_encode(tiny_runs, encoding):
    command = [sys.executable, "-m", "tfapps", "predict", "classification", ODD[-1]]
    done = subprocess.run(
        command,
        cwd=tiny_runs("classification"),
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.decode(encoding))["text"] == ODD[-1]
