"""Each command in the documentation is one that the command line and the configs accept."""

import re
import shlex

import pytest
from running import ROOT

from tfapps.cli import main
from tfapps.config import load

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"```(?:sh|bash|console)?\n(.*?)```", re.S)
INLINE = re.compile(r"`(tfapps [^`\n]+)`")
# Words that stand for something in a synopsis; a command that has one is not checked.
PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b(?![\w.=-])|\[[A-Z-]|<\w+>|\.\.\.|\w\|\w")
SHELL = re.compile(r"\s(?:[<>|]|>>|&&)\s")  # what follows is not read by the command


def commands():
    """Page and words of each `tfapps` command in a block of commands or in running text."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = "\n".join(FENCE.findall(text)).replace("\\\n", " ")
        lines = re.findall(r"^(?:\$ )?(tfapps .+)$", blocks, re.M) + INLINE.findall(text)
        for line in dict.fromkeys(lines):
            words = shlex.split(SHELL.split(line)[0].replace("\\|", "|"), comments=True)[1:]
            options = [word for word in words if " " not in word and "[MASK]" not in word]
            if len(words) > 1 and not any(PLACEHOLDER.search(word) for word in options):
                yield pytest.param(words, id=f"{page.stem}: {line}"[:100])


COMMANDS = list(commands())


def test_there_are_commands():
    assert len(COMMANDS) > 30


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_of_the_documentation_is_accepted(words, monkeypatch):
    """It parses, and where it names a shipped config, the config accepts its overrides."""
    monkeypatch.chdir(ROOT)
    arguments = main._parsed(words)
    config = getattr(arguments, "config", "")
    if config.startswith("configs/") and config != "configs/mine.yaml":  # the reader's own
        load.load(config, arguments.overrides)
