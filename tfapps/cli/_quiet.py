"""Keras without the notes its backend prints from C++ before any log level applies."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile


def import_keras() -> None:
    """Import Keras and its backend with standard error set aside; shown only if it fails."""
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            importlib.import_module("keras")
        except BaseException:
            captured.seek(0)
            os.write(original, captured.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)


def import_backend(artifact: str) -> None:
    """Import Keras if the artefact needs it; LiteRT files run without."""
    if not artifact.startswith("litert_"):
        import_keras()
