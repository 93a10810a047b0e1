"""The backend of an exported artefact, by what its file is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfapps.backends.base import Backend
    from tfapps.bundle.manifest import Content


def open_file(path: Path, threads: int = 1, content: Content | None = None) -> Backend:
    """Open a .tflite file with LiteRT, or a SavedModel with TensorFlow.

    Args:
        threads: of LiteRT; TensorFlow chooses its own number.
        content: of a .tflite file, if it was read and hashed before.

    Raises:
        InputError: it is missing or damaged.
    """
    if path.suffix == ".tflite":
        from tfapps.backends.litert import LiteRT

        return LiteRT(path, threads, content)
    from tfapps.backends.saved_model import SavedModel

    return SavedModel(path)
