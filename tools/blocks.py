"""Blocks of pages that a program writes, each between two marks that name the program."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "benchmarks/RESULTS.md")
BLOCK = re.compile(
    r"(?P<start><!-- python -m (?P<tool>[\w.]+): (?P<name>[\w.]+) -->\n)(?:.*?\n)??<!-- end -->\n",
    re.S,
)


def texts() -> dict[Path, str]:
    """Return the pages that may hold blocks."""
    paths = [*PAGES, *sorted((ROOT / "docs").rglob("*.md"))]
    return {path: path.read_text(encoding="utf-8") for path in paths}


def names(tool: str) -> list[str]:
    """Return the names of a program's blocks on all pages."""
    blocks = (block for text in texts().values() for block in BLOCK.finditer(text))
    return [block["name"] for block in blocks if block["tool"] == tool]


def pages(tool: str, make: Callable[[str], str]) -> Iterator[tuple[Path, str, str]]:
    """Yield the pages that hold blocks of a program, each as it is and as it should be.

    Args:
        tool: the program, a module that `python -m` runs.
        make: returns the text of the block with a name, which ends in a line end.
    """

    def block(match: re.Match[str]) -> str:
        if match["tool"] != tool:
            return match[0]
        return f"{match['start']}{make(match['name'])}<!-- end -->\n"

    for path, text in texts().items():
        if f"<!-- python -m {tool}: " in text:
            yield path, text, BLOCK.sub(block, text)


def write(tool: str, make: Callable[[str], str]) -> None:
    """Write the blocks of a program on all pages."""
    for path, _, made in pages(tool, make):
        path.write_text(made, encoding="utf-8")
