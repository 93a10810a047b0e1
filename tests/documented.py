"""The `tfapps` commands of the README and the documentation."""

import re
import shlex
from typing import NamedTuple

from running import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.S | re.M)
SHELLS = ("", "sh", "bash", "console")
LINE = re.compile(r"^(?:\$ |  )?(tfapps .+)$", re.M)  # examples of `--help` are indented by two
INLINE = re.compile(r"`(tfapps [^`\n]+)`")
# Words that stand for something in a synopsis; a command that has one is not checked.
PLACEHOLDER = re.compile(r"(?<!\$)\b[A-Z]{2,}\b(?![\w.=-])|\[[A-Z-]|<\w+>|\.\.\.|\w\|\w")
SHELL = re.compile(r"\s(?:[<>|]|>>|&&)\s")  # what follows is not read by the command


class Command(NamedTuple):
    """A command of a page.

    Attributes:
        page: its name, without `.md`.
        line: as the page shows it.
        words: what the command line is given.
    """

    page: str
    line: str
    words: list[str]


def _words(line):
    return shlex.split(SHELL.split(line)[0].replace("\\|", "|"), comments=True)[1:]


def _concrete(words):
    options = [word for word in words if " " not in word and "[MASK]" not in word]
    return len(words) > 1 and not any(PLACEHOLDER.search(word) for word in options)


def commands():
    """Return the commands of all pages, each once for a page, without those of a synopsis."""
    rows = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = "\n".join(block for kind, block in FENCE.findall(text) if kind in SHELLS)
        lines = LINE.findall(blocks.replace("\\\n", " ")) + INLINE.findall(text)
        rows += [Command(page.stem, line, _words(line)) for line in dict.fromkeys(lines)]
    return [row for row in rows if _concrete(row.words)]
