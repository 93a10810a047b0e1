"""Every command in the documentation runs: on tiny models, and on the files that its page names."""

import pytest
from documented import commands
from reading import Broken, Reader

COMMANDS = commands()
QUICK = ("list", "completion", "init")
# Part of a command, and why it is not run here.
ELSEWHERE = {"--client mediapipe": "needs MediaPipe, in an environment of its own"}


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


def test_what_is_not_run_is_in_the_documentation():
    assert all(any(part in command.line for command in COMMANDS) for part in ELSEWHERE)


@pytest.mark.slow
@pytest.mark.parametrize("page", pages())
def test_the_commands_of_a_page_run(page, tmp_path):
    reader, failures = Reader(tmp_path), []
    for command in pages()[page]:
        if command.words[0] in QUICK or any(part in command.line for part in ELSEWHERE):
            continue
        try:
            reader.does(command)
        except Broken as error:
            failures.append(str(error))
    assert not failures, "\n\n".join(failures)
