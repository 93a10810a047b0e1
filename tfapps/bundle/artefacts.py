"""Names of artefacts, as users give them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tfapps import registry
from tfapps.errors import InputError

PREFIX = "litert_"


def full_name(name: str, available: Sequence[str], path: Path) -> str:
    """Return the full name of an artefact, which may be given without its `litert_`.

    Args:
        name: such as `litert_int4e`, or `int4e`.
        available: full names of those that the run has.
        path: of the run, for messages.

    Raises:
        InputError: the run has none of this name.
    """
    for full in (name, f"{PREFIX}{name}"):
        if full in available:
            return full
    hint = f"available: {', '.join(available)}" if available else "it has none"
    raise InputError(
        f"{path} has no artefact {name!r}; {hint}{registry.hint(name, available)}; "
        "add it to export: in the config and run tfapps export"
    )


def file_of(artifact: str) -> str:
    """Return the file of a LiteRT artefact by the name that the manifest has for it."""
    return f"litert/{artifact.removeprefix(PREFIX)}.tflite"
