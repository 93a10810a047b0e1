"""Every command in the documentation runs: on tiny models, and on the files that its page names."""

import pytest
from documented import commands
from reading import Broken, Reader

COMMANDS = commands()
QUICK = ("list", "completion", "init")


def pages():
    """Return the commands of each page, in order, each once."""
    by_page = {}
    for command in COMMANDS:
        by_page.setdefault(command.page, {})[tuple(command.words)] = command
    return {page: list(rows.values()) for page, rows in by_page.items()}


QUICK_COMMANDS = {
    tuple(command.words): command for command in COMMANDS if command.words[0] in QUICK
}


@pytest.mark.parametrize("words", QUICK_COMMANDS, ids=" ".join)
def test_a_quick_command_runs(words, tmp_path):
    assert Reader(tmp_path).does(QUICK_COMMANDS[words]).stdout


@pytest.mark.slow
@pytest.mark.parametrize("page", pages())
def test_the_commands_of_a_page_run(page, tmp_path):
    reader, failures = Reader(tmp_path), []
    for command in pages()[page]:
        if command.words[0] in QUICK:
            continue
        try:
            reader.does(command)
        except Broken as error:
            failures.append(str(error))
    assert not failures, "\n\n".join(failures)
