"""Read the texts without labels that a run also learns from."""

from __future__ import annotations

from pathlib import Path

from tfapps import registry
from tfapps.config import paths
from tfapps.config.sections import RunConfig
from tfapps.data.files import read_lines


def find(config: RunConfig) -> Path | None:
    """Return the file that `objective.unlabelled` names, if any.

    Raises: InputError if it is missing.
    """
    name = registry.plugin("objective", config.objective.name).unlabelled(config.objective)
    return None if name is None else paths.locate(name, config.data_options.root)


def texts(config: RunConfig) -> list[str]:
    """Return its texts, one per line, without empty lines.

    Raises: InputError if it cannot be read.
    """
    path = find(config)
    if path is None:
        return []
    lines = read_lines(path, config.data_options.encoding)
    return [line.strip() for line in lines if line.strip()]
