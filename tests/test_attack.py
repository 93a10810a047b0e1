"""The report on robustness."""

import io
import json

import numpy as np
import pytest
from running import copied, tfapps

from tfapps.bundle.bundle import Bundle
from tfapps.data import noise
from tfapps.errors import InputError
from tfapps.stages._steps import Steps
from tfapps.stages.attacks import ATTACKS, DEFAULT, chosen


def test_letters_are_mistyped_as_often_as_asked():
    random = np.random.default_rng(0)
    text = "abcdefghij " * 200
    noisy = noise.mistyped(text, 0.1, random)
    kept = sum(a == b for a, b in zip(noise.mistyped(text, 0.0, random), text, strict=True))
    assert kept == len(text)
    assert 0.9 < len(noisy) / len(text) < 1.1
    assert noisy != text
    assert noise.mistyped("a", 1.0, random)


def test_words_go_missing_as_often_as_asked():
    random = np.random.default_rng(0)
    text = " ".join(f"w{i}" for i in range(1000))
    left = noise.thinned(text, 0.2, random).split()
    assert len(left) == pytest.approx(800, abs=50)
    assert left == [word for word in text.split() if word in set(left)]
    assert noise.thinned("one", 1.0, random) == "one"
    assert noise.thinned("", 0.5, random) == ""


def test_the_report_is_printed_and_stored(workplace):
    copied(workplace, "attacked")
    options = ("--attacks", "all", "--epsilon", "0.5", "2", "--json")
    done = tfapps("attack", "attacked", *options, cwd=workplace)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert set(figures) == {
        "fgm_l2",
        "fgsm_max",
        "pgd_l2",
        "pgd_max",
        "mistyped_letters",
        "missing_words",
    }
    bundle = Bundle.open(workplace / "saved_models/attacked")
    assert bundle.metrics["robustness"] == figures
    assert (bundle.path / "robustness.png").read_bytes()[:4] == b"\x89PNG"
    for name, values in figures.items():
        assert values["0"] == bundle.metrics["dev"]["keras"]["accuracy"], name
    assert set(figures["pgd_l2"]) == {"0", "0.5", "2"}
    assert figures["pgd_l2"]["2"] < figures["pgd_l2"]["0"]
    assert figures["pgd_l2"]["2"] <= figures["fgm_l2"]["2"]


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--epsilon", "-1"], "--epsilon: got -1.0, expected more than 0"),
        (["--rows", "0"], "--rows: got 0, expected 1 or more"),
        (["--seconds", "0"], "--seconds: got 0, expected more than 0"),
        (["--attacks", "pgd"], "--attacks: unknown attack 'pgd': expected one of fgm_l2, fgsm_max"),
    ],
)
def test_an_invalid_attack_is_refused(workplace, more, text):
    done = tfapps("attack", "tiny", *more, cwd=workplace)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr


def test_the_default_attacks_are_the_quick_ones_and_a_budget_leaves_some_out(workplace):
    copied(workplace, "quick")
    done = tfapps("attack", "quick", "--rows", "8", cwd=workplace)
    assert done.stdout.startswith("the first 8 of 24 dev rows\n")
    assert set(Bundle.open(workplace / "saved_models/quick").metrics["robustness"]) == set(DEFAULT)
    steps, *_ = done.stderr.splitlines()
    assert steps.startswith("1/9 steps  fgm_l2 0.01: accuracy ")
    options = ("--attacks", "missing_words", "--seconds", "1e-9")
    done = tfapps("attack", "quick", *options, cwd=workplace)
    left = "left out after 1e-09 s: missing_words 0.1, missing_words 0.2; give more --seconds"
    assert left in done.stdout


def test_words_with_tags_are_not_left_out():
    assert [a.name for a in chosen(None, tagged=True)] == ["fgm_l2", "mistyped_letters"]
    assert len(chosen(["all"], tagged=True)) == len(ATTACKS) - 1
    with pytest.raises(InputError, match="missing_words would leave out words that have a tag"):
        chosen(["missing_words"], tagged=True)


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self):
        return True


def test_steps_are_a_bar_with_the_time_left_on_a_terminal():
    stream = Terminal()
    with Steps(4, stream) as progress:
        progress.step(2)
        progress.end("one attack: accuracy 0.5000")
        progress.step(2)
    assert "one attack: accuracy 0.5000\n" in stream.getvalue()
    assert "0/4 [00:00<?" in stream.getvalue()
