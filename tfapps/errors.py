"""The two kinds of errors: wrong input, or work that failed."""

from __future__ import annotations

from collections.abc import Sequence


class InputError(Exception):
    """Bad input: the command line prints one line and exits with code 2."""


class ConfigError(InputError):
    """Every problem of a config at once, one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class Failure(Exception):
    """Correct input but a failed result, such as a verify outside tolerance: exit code 1."""


class Diverged(Failure):
    """A fit whose numbers are no longer finite."""
