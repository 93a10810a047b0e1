"""Tables of the contracts of plug-ins, made from their docstrings: `python -m tools.contracts`.

A page of docs/ holds the table between two marks; a test compares it with what is made here.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"
PAGES = {
    "add_a_model.md": ("tfapps.models.base", "Model"),
    "add_a_task.md": ("tfapps.tasks.base", "Task"),
}
START, END = "<!-- made by python -m tools.contracts -->\n", "<!-- end -->\n"


def table(kind: type) -> str:
    """Return a markdown table of a class: its attributes, then its hooks, with their defaults."""
    lines = ["| attribute | default | meaning |", "| --- | --- | --- |"]
    for names, text in attributes(kind).items():
        defaults = ", ".join(f"`{getattr(kind, name)!r}`" for name in names.split(", "))
        lines.append(f"| `{names}` | {defaults} | {text} |")
    lines += ["", "| hook | | what it does |", "| --- | --- | --- |"]
    for name, member in vars(kind).items():
        if name.startswith("_") or not (callable(member) or hasattr(member, "__get__")):
            continue
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        needed = "required" if getattr(function, "__isabstractmethod__", False) else ""
        lines.append(f"| `{_call(kind, name, member)}` | {needed} | {_first(function)} |")
    return "\n".join(lines) + "\n"


def attributes(kind: type) -> dict[str, str]:
    """Return the attributes of a class by its docstring, name (or names) -> text."""
    section = inspect.getdoc(kind).partition("Attributes:\n")[2].split("\n\n")[0]
    entries = re.split(r"\n(?=    \w)", section.rstrip())
    pairs = [" ".join(entry.split()).split(": ", 1) for entry in entries]
    return {names: text.replace("|", r"\|") for names, text in pairs}


def _call(kind: type, name: str, member: Any) -> str:
    """How a hook is called."""
    if isinstance(member, property):
        return name
    names = [
        n for n in inspect.signature(getattr(kind, name)).parameters if n not in ("self", "cls")
    ]
    owner = f"{kind.__name__}." if isinstance(member, classmethod | staticmethod) else ""
    return f"{owner}{name}({', '.join(names)})"


def _first(function: Any) -> str:
    """The first paragraph of a docstring in one line."""
    return " ".join(inspect.getdoc(function).split("\n\n")[0].split()).replace("|", r"\|")


def page(name: str) -> tuple[str, str]:
    """Return a page as it is, and as it should be."""
    module, kind = PAGES[name]
    text = (DOCS / name).read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    made = table(getattr(importlib.import_module(module), kind))
    return text, f"{before}{START}{made}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    for name in PAGES:
        (DOCS / name).write_text(page(name)[1], encoding="utf-8")
