"""The report on robustness."""

import json

import numpy as np
import pytest
from running import copied, tfapps

from tfapps.bundle.bundle import Bundle
from tfapps.data import noise


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
    done = tfapps("attack", "attacked", "--epsilon", "0.5", "2", "--json", cwd=workplace)
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
    ],
)
def test_an_invalid_attack_is_refused(workplace, more, text):
    done = tfapps("attack", "tiny", *more, cwd=workplace)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr
