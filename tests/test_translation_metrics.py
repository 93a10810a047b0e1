"""BLEU, chrF and TER are those of the sacrebleu command line."""

import json
import subprocess
import sys

import pytest

from tfapps.metrics import translation

REFERENCES = ["A man is riding a horse .", "Two dogs play in the snow.", "It's cold; nobody sits."]
HYPOTHESES = [
    "A man rides a horse.",
    "Two dogs are playing in the snow.",
    "It is cold, nobody sits.",
]


def test_scores_and_signatures_are_those_of_the_command_line(tmp_path):
    for name, lines in (("ref", REFERENCES), ("hyp", HYPOTHESES)):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "sacrebleu", "ref", "-i", "hyp", "-m", "bleu", "chrf", "ter"]
    result = subprocess.run(
        [*command, "-w", "6"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    actual = translation.scores(HYPOTHESES, REFERENCES)
    signatures = translation.signatures()
    result = json.loads(result.stdout)
    assert [one["name"].lower().rstrip("2") for one in result] == ["bleu", "chrf", "ter"]
    for one, name in zip(result, ("bleu", "chrf", "ter"), strict=True):
        assert actual[name] == pytest.approx(one["score"], abs=1e-5)
        assert signatures[name] == one["signature"]


def test_the_reference_itself_is_perfect():
    assert translation.scores(REFERENCES, REFERENCES) == pytest.approx(
        {"bleu": 100.0, "chrf": 100.0, "ter": 0.0}
    )
