"""Finds and opens the run that a user names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tfapps.errors import InputError

if TYPE_CHECKING:
    from tfapps.bundle.bundle import Bundle

RUNS = Path("saved_models")


def bundle_path(run: str | os.PathLike) -> Path:
    """Return the folder of a run given by folder or by name under `saved_models/`."""
    path = Path(run)
    return path if path.exists() or os.sep in os.fspath(run) else RUNS / path


def open_bundle(run: str | os.PathLike, several: bool = False) -> Bundle:
    """Open a run given by folder or by name; its files are hashed when they are used.

    Args:
        several: whether it may be an ensemble.

    Raises:
        InputError: no such run, a damaged one, or an ensemble.
    """
    from tfapps.bundle.bundle import MEMBERS, Bundle

    bundle = Bundle.open(bundle_path(run))
    if bundle.members and not several:
        raise InputError(
            f"{bundle.path} is an ensemble, expected a single run; give one of its members, "
            f"{bundle.path / MEMBERS}/0 say"
        )
    return bundle
