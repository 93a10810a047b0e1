"""The backend of an exported artefact, by what its file is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfapps.backends.base import Backend


def open_file(path: Path, threads: int = 1) -> Backend:
    """Open a .tflite file with LiteRT, or a SavedModel with TensorFlow.

    Args:
        threads: of LiteRT; TensorFlow chooses its own number.

    Raises:
        InputError: it is missing or damaged.
    """
    if path.suffix == ".tflite":
        from tfapps.backends.litert import LiteRT

        return LiteRT(path, threads)
    from tfapps.backends.saved_model import SavedModel

    return SavedModel(path)
