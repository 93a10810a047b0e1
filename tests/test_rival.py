"""The benchmark against other tool chains counts the lines that a user writes."""

import sys

import pytest
from running import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import rival

SCRIPT = '''"""What it does,
in two lines."""

# a comment
import json


def load(path):
    """Return it."""
    return json.loads(path)  # counted
'''


def test_lines_of_a_script_are_counted_without_its_docstring(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    assert rival.lines(path) == 4


def test_lines_of_a_config_are_counted_without_comments(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("# tfapps run run.yaml\ntask: {name: classification}\n\nseed: 1\n")
    assert rival.lines(path) == 2


@pytest.mark.parametrize("name", rival.PACKAGES)
def test_every_rival_has_a_script_that_answers(name):
    text = (ROOT / f"benchmarks/rivals/{name}.py").read_text("utf-8")
    assert "\ndef load(path):\n" in text
    assert ("\ndef convert(model, folder):\n" in text) is (name != "tfapps")
