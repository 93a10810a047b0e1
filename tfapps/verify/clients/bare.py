"""LiteRT alone: the program of docs/how_to/bare_litert.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tfapps.verify.clients import base
from tfapps.verify.clients.base import PROGRAMS, File

TASKS = ("classification", "prompt", "regression")


class Client(base.Client):
    """Runs a file with LiteRT and the tokenizer and labels stored in the file, without tfapps."""

    module: ClassVar[str | None] = "ai_edge_litert"
    install: ClassVar[str] = "pip install ai-edge-litert tokenizers numpy"

    @classmethod
    def refusal(cls, file: File) -> str | None:
        """Return why the program does not answer with a file; None if it does."""
        if file.path.suffix != ".tflite":
            return "it is no .tflite file"
        if file.about is None or "api" not in file.about:
            return "it was exported by an older version; export the run again"
        if file.about["task"] not in TASKS:
            return f"it is of the task {file.about['task']}, not {', '.join(TASKS)}"
        odd = [entry["name"] for entry in file.about["inputs"] if "from" not in entry]
        return f"it reads {', '.join(odd)}, which no tokenizer gives" if odd else None

    @classmethod
    def command(cls, file: File, python: str) -> Sequence[str]:
        """Return the command that runs the program."""
        return [python, str(PROGRAMS / "bare_litert.py"), str(file.path)]
