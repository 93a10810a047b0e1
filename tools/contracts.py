"""Tables of the contracts of plug-ins, made from their docstrings: `python -m tools.contracts`.

A page of docs/ holds each table between two marks, which name the class; a test compares it with
the generated table.
"""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

from tools import blocks

TOOL = "tools.contracts"


def table(kind: type) -> str:
    """Return a markdown table of a class: its attributes, then its hooks, with their defaults."""
    lines = []
    if attributes(kind):
        lines += ["| attribute | default | meaning |", "| --- | --- | --- |"]
    for names, text in attributes(kind).items():
        defaults = ", ".join(f"`{getattr(kind, name)!r}`" for name in names.split(", "))
        lines.append(f"| `{names}` | {defaults} | {text} |")
    lines += ["", "| hook | | what it does |", "| --- | --- | --- |"]
    for name, member in members(kind).items():
        if name.startswith("_") or not (callable(member) or hasattr(member, "__get__")):
            continue
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        needed = "required" if getattr(function, "__isabstractmethod__", False) else ""
        lines.append(f"| `{_call(kind, name, member)}` | {needed} | {_first(function)} |")
    return "\n".join(lines) + "\n"


def members(kind: type) -> dict[str, Any]:
    """Return what a class and its own bases define, that of the class first."""
    owners = [owner for owner in kind.__mro__ if owner.__module__ not in ("abc", "builtins")]
    names: dict[str, Any] = {}
    for owner in owners:
        names = {**names, **{n: m for n, m in vars(owner).items() if n not in names}}
    return names


def attributes(kind: type) -> dict[str, str]:
    """Return the attributes of a class by its docstring, name (or names) -> text."""
    section = inspect.getdoc(kind).partition("Attributes:\n")[2].split("\n\n")[0]
    entries = re.split(r"\n(?=    \w)", section.rstrip()) if section else []
    pairs = [" ".join(entry.split()).split(": ", 1) for entry in entries]
    return {names: text.replace("|", r"\|") for names, text in pairs}


def _call(kind: type, name: str, member: Any) -> str:
    """Return how a hook is called."""
    if isinstance(member, property):
        return name
    names = [
        n for n in inspect.signature(getattr(kind, name)).parameters if n not in ("self", "cls")
    ]
    owner = f"{kind.__name__}." if isinstance(member, classmethod | staticmethod) else ""
    return f"{owner}{name}({', '.join(names)})"


def _first(function: Any) -> str:
    """Return the first paragraph of a docstring in one line."""
    return " ".join(inspect.getdoc(function).split("\n\n")[0].split()).replace("|", r"\|")


def contracts() -> list[type]:
    """Return the classes that have a table."""
    return [contract(name) for name in blocks.names(TOOL)]


def contract(name: str) -> type:
    """Return the class with a dotted name."""
    module, _, kind = name.rpartition(".")
    return getattr(importlib.import_module(module), kind)


def block(name: str) -> str:
    """Return the text of the block with the name of a class."""
    return table(contract(name))


if __name__ == "__main__":
    blocks.write(TOOL, block)
