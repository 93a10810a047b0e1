"""The two ways a run can end badly: the input was wrong, or the work honestly failed."""

from __future__ import annotations

from collections.abc import Sequence


class InputError(Exception):
    """Bad input: the command line prints the text as one line and exits with 2."""


class ConfigError(InputError):
    """Every problem of a config at once, one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class Failure(Exception):
    """The input was fine and the result is not (a verify outside tolerance): exit code 1."""


class Diverged(Failure):
    """A fit whose numbers are no longer finite."""
