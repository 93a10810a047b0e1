"""Execute the code cells of a notebook in an empty folder, and store what they print.

    python tools/notebook.py docs/tutorials/python_api.ipynb          # writes the outputs into it
    python tools/notebook.py docs/tutorials/python_api.ipynb --check  # executes it only

Needs no Jupyter. The value of a cell's last expression is an output too, as in Jupyter.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import pprint
import tempfile
from pathlib import Path
from typing import Any

WIDTH = 100


def main() -> None:
    """Execute a notebook; the first cell that raises ends it."""
    parser = argparse.ArgumentParser(description="Execute a notebook.")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--check", action="store_true", help="leave the notebook as it is")
    arguments = parser.parse_args()
    path = arguments.notebook.absolute()
    notebook = json.loads(path.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        outputs = execute(sources(notebook))
    if arguments.check:
        print(f"{path.name}: executed {len(outputs)} cells")
        return
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, (cell, output) in enumerate(zip(cells, outputs, strict=True), start=1):
        cell |= {"execution_count": number, "outputs": as_stored(output, number)}
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def sources(notebook: dict[str, Any]) -> list[str]:
    """Return the text of the code cells."""
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def execute(cells: list[str]) -> list[tuple[str, str | None]]:
    """Execute cells in order, in the current folder; return what each printed, and its value."""
    names: dict[str, Any] = {"__name__": "__main__"}
    return [_execute(cell, names) for cell in cells]


def _execute(cell: str, names: dict[str, Any]) -> tuple[str, str | None]:
    tree = ast.parse(cell)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        exec(compile(tree, "<cell>", "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
    shown = None if value is None else pprint.pformat(value, width=WIDTH, sort_dicts=False)
    return printed.getvalue(), shown


def as_stored(output: tuple[str, str | None], number: int) -> list[dict[str, Any]]:
    """Return the outputs of a cell in the form of a notebook."""
    printed, value = output
    stored: list[dict[str, Any]] = []
    if printed:
        text = printed.splitlines(keepends=True)
        stored.append({"name": "stdout", "output_type": "stream", "text": text})
    if value is not None:
        data = {"text/plain": value.splitlines(keepends=True)}
        result = {"data": data, "execution_count": number, "metadata": {}}
        stored.append({**result, "output_type": "execute_result"})
    return stored


if __name__ == "__main__":
    main()
