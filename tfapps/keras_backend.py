"""Chooses the backend of Keras and its settings before Keras is imported: TensorFlow."""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import tempfile
from pathlib import Path

VARIABLE = "KERAS_BACKEND"
NEEDED = "tensorflow"
_log = logging.getLogger(__name__)


def choose() -> None:
    """Set the backend of this process and its children, and log once if another was asked for."""
    asked, where = _asked()
    os.environ[VARIABLE] = NEEDED
    keras = sys.modules.get("keras")
    if keras is not None and hasattr(keras, "backend") and keras.backend.backend() != NEEDED:
        _log.warning(
            "Keras was imported with the backend %s before tfapps, which needs tensorflow: "
            "import tfapps first, or set %s=tensorflow",
            keras.backend.backend(),
            VARIABLE,
        )
    elif asked not in ("", NEEDED):
        _log.warning("%s asks for the Keras backend %s; tfapps uses tensorflow", where, asked)


def configure() -> None:
    """Set what TensorFlow and LiteRT read from the environment when they load."""
    # They print start-up notes from C++ otherwise.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Off by default on processors without AVX512, where its products are quicker all the same.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def import_keras() -> None:
    """Import Keras without the notes its backend prints from C++, which are shown if it fails."""
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
    """Import Keras if the artefact needs it; all others are LiteRT files."""
    if artifact in ("keras", "saved_model"):
        import_keras()


def _asked() -> tuple[str, str]:
    """Return the backend set in the environment or Keras's settings file, and where it is set."""
    if os.environ.get(VARIABLE):
        return os.environ[VARIABLE], VARIABLE
    home = Path.home()
    base = home if os.access(home, os.W_OK) else Path("/tmp")  # as Keras itself looks for it
    file = Path(os.environ.get("KERAS_HOME", base / ".keras")).expanduser() / "keras.json"
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "", str(file)
    backend = settings.get("backend", "") if isinstance(settings, dict) else ""
    return str(backend), str(file)
