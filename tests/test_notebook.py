"""The notebook of the documentation."""

import json
import subprocess
import sys

import pytest
from running import ROOT

from tools import notebook as tool

NOTEBOOK = ROOT / "docs/tutorials/python_api.ipynb"


def test_stored_outputs_are_those_of_one_execution_without_an_error():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = {output["output_type"] for cell in code for output in cell["outputs"]}
    assert kinds == {"stream", "execute_result"}
    for cell in code:
        compile("".join(cell["source"]), NOTEBOOK.name, "exec")


def test_a_cell_shows_what_it_prints_and_its_last_value():
    outputs = tool.execute(["x = 2\nprint(x)", "x + 1", "None", "print(x); {'a': x}"])
    assert outputs == [("2\n", None), ("", "3"), ("", None), ("2\n", "{'a': 2}")]
    assert tool.as_stored(outputs[3], 4) == [
        {"name": "stdout", "output_type": "stream", "text": ["2\n"]},
        {
            "data": {"text/plain": ["{'a': 2}"]},
            "execution_count": 4,
            "metadata": {},
            "output_type": "execute_result",
        },
    ]
    with pytest.raises(ZeroDivisionError):
        tool.execute(["1 / 0"])


@pytest.mark.slow
def test_every_cell_runs(tmp_path):
    # In `make wheel-test` too, which is quicker than the slow tests.
    done = subprocess.run(
        [sys.executable, ROOT / "tools/notebook.py", NOTEBOOK, "--check"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{NOTEBOOK.name}: executed 6 cells\n"
