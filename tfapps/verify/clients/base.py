"""The contract of a client: every hook that other packages ask for.

A file of this folder holds a class `Client`, a subclass of the one here. Its runtime answers in a
child process. `tfapps.verify.asking` writes texts to its standard input, one JSON value a line: a
string, or a list of two for a pair. The child writes JSON lines to its standard output: first
`{"runtime": "NAME VERSION"}`, then an answer for each text, in their order. An answer has the form
of `tfapps predict`, and only what the runtime gives of it: `{"label": "refund", "score": 0.93}`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class File:
    """An exported artefact, as a client is offered it.

    Attributes:
        artifact: its name, `litert_int8` say.
        path: of the file or folder.
        about: its `tfapps.json`; None for an artefact that carries none.
    """

    artifact: str
    path: Path
    about: Mapping[str, Any] | None


class Client(ABC):
    """How another runtime answers the files of a bundle; never instantiated.

    Attributes:
        module: what its Python must be able to import; None where it is not run by Python.
        install: how a user gets the runtime, as a command.
    """

    module: ClassVar[str | None] = None
    install: ClassVar[str] = ""

    @classmethod
    def missing(cls, python: str) -> str | None:
        """Return why it cannot run on this machine; None if it can.

        Args:
            python: the Python that is to run it.
        """
        if cls.module is None:
            return None
        check = f"import importlib.util as u, sys; sys.exit(u.find_spec({cls.module!r}) is None)"
        try:
            done = subprocess.run([python, "-c", check], capture_output=True, check=False)
        except OSError as error:
            return f"{python} cannot be run: {error.strerror}"
        return f"{python} has no module {cls.module}" if done.returncode else None

    @classmethod
    @abstractmethod
    def refusal(cls, file: File) -> str | None:
        """Return why the runtime does not take a file; None if it does."""

    @classmethod
    @abstractmethod
    def command(cls, file: File, python: str) -> Sequence[str]:
        """Return the command of the child process that answers with a file."""


def python_of(name: str, python: str | None) -> str:
    """Return the Python of a client: the one given, that of `TFAPPS_<NAME>_PYTHON`, or this one."""
    return python or os.environ.get(f"TFAPPS_{name.upper()}_PYTHON") or sys.executable
