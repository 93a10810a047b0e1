"""The files of the corpora that come with tfapps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from tfapps import registry
from tfapps.errors import InputError


def available(ending: str = ".tsv") -> list[str]:
    """Return the names of the samples that are installed in files of this ending."""
    folders = resources.files("tfapps.samples").iterdir()
    return sorted(f.name for f in folders if f.joinpath(f"train{ending}").is_file())


@contextmanager
def file(sample: str, split: str, ending: str = ".tsv") -> Iterator[Path]:
    """Return the file of a split.

    Raises:
        InputError: no such sample, or it has no such split.
    """
    samples = available(ending)
    if sample not in samples:
        raise InputError(registry.unknown("sample", sample, samples))
    folder: Traversable = resources.files("tfapps.samples").joinpath(sample)
    with resources.as_file(folder.joinpath(f"{split}{ending}")) as path:
        if not path.is_file():
            raise InputError(f"sample {sample!r} has no split {split!r}")
        yield path
