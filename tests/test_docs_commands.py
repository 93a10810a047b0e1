"""Each command in the documentation is one that the command line and the configs accept."""

import pytest
from documented import commands
from running import ROOT

from tfapps.cli import main
from tfapps.config import load

COMMANDS = [
    pytest.param(command.words, id=f"{command.page}: {command.line}"[:100])
    for command in commands()
]
WRITTEN = ("configs/mine.yaml",)  # by the reader


def test_there_are_commands():
    assert len(COMMANDS) > 90


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_of_the_documentation_is_accepted(words, monkeypatch):
    """It parses, and where it names a shipped config, the config accepts its overrides."""
    monkeypatch.chdir(ROOT)
    arguments = main._parsed(words)
    config = getattr(arguments, "config", "")
    if config.startswith("configs/") and config not in WRITTEN:
        load.load(config, arguments.overrides)
