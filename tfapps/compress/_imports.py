"""Imports of the TensorFlow Model Optimization Toolkit."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

_VARIABLE = "TF_USE_LEGACY_KERAS"


@contextlib.contextmanager
def importing_toolkit() -> Iterator[None]:
    """Restore the environment variable that the import sets, which child processes would see."""
    before = os.environ.get(_VARIABLE)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = before
