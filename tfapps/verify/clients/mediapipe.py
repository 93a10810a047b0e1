"""MediaPipe's TextClassifier, as an app on a phone uses it: see docs/how_to/android.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tfapps.verify.clients import base
from tfapps.verify.clients.base import PROGRAMS, File


class Client(base.Client):
    """Opens a file by its metadata; MediaPipe splits the text itself."""

    module: ClassVar[str | None] = "mediapipe"
    install: ClassVar[str] = (
        "python -m venv mediapipe_env && mediapipe_env/bin/pip install mediapipe==1.2.3"
    )

    @classmethod
    def refusal(cls, file: File) -> str | None:
        """Return why MediaPipe does not open a file; None if it does."""
        if file.path.suffix != ".tflite":
            return "it is no .tflite file"
        if file.about is None:
            return "it does not say whether MediaPipe opens it; export the run again"
        return file.about["mediapipe"]

    @classmethod
    def command(cls, file: File, python: str) -> Sequence[str]:
        """Return the command that runs the program."""
        return [python, str(PROGRAMS / "mediapipe_text.py"), str(file.path)]
