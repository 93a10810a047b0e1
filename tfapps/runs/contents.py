"""The content of the files and runs that a config names, on which stored results depend."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic.fields import FieldInfo

from tfapps.bundle import identity, manifest
from tfapps.config import paths
from tfapps.config.reads import Reads
from tfapps.config.sections import RunConfig, Section
from tfapps.errors import InputError

CHUNK = 1 << 20


def feed(digest: Any, sections: Sequence[Section], root: str | None) -> None:
    """Update a hash with the content of all runs, then of all files, that sections name.

    Args:
        root: folder of the run's data files, `data.root`.

    Raises:
        InputError: a file is missing.
    """
    named = [pair for section in sections for pair in names(section)]
    for name, reads in named:
        if reads.kind == "weights":
            digest.update(identity.of_weights(name).encode())
    for name, reads in named:
        if reads.kind == "weights":
            continue
        path = paths.locate(name, root if reads.kind == "data" else None)
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)


def digests(sections: Sequence[Section], root: str | None) -> dict[str, str]:
    """Return the hash of the content of each run and file that sections name, empty if missing."""
    return {name: _digest(name, reads, root) for one in sections for name, reads in names(one)}


def _digest(name: str, reads: Reads, root: str | None) -> str:
    if reads.kind == "weights":
        return identity.of_weights(name)
    try:
        path = paths.locate(name, root if reads.kind == "data" else None)
    except InputError:
        return ""
    return manifest.digest(path)


def hashed(sections: Sequence[Section], root: str | None) -> str:
    """Return the hash of it, empty where sections name nothing of which the content counts."""
    digest = hashlib.sha256()
    feed(digest, sections, root)
    return "" if digest.digest() == hashlib.sha256().digest() else digest.hexdigest()


def compression_key(config: RunConfig) -> str:
    """Return what tells a finished compression from an outdated one; empty for none."""
    items = of_items(config, len(config.compress))
    return hashlib.sha256(json.dumps(items).encode()).hexdigest() if items else ""


def of_items(config: RunConfig, count: int) -> list[Any]:
    """Return what the first items of `compress` do: their settings, and files that they name."""
    items: list[Any] = [item.model_dump(mode="json") for item in config.compress[:count]]
    files = hashed(config.compress[:count], config.data_options.root)
    return [*items, files] if files else items


def names(section: Section) -> Iterator[tuple[str, Reads]]:
    """Yield the names of files and runs in a section, and what each of them is."""
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        for mark in marks(field):
            for name in value if isinstance(value, list | tuple) else [value]:
                if isinstance(name, str | Path):
                    yield str(name), mark


def marks(field: FieldInfo) -> list[Reads]:
    """Return the marks of a field that may name a file or a run."""
    return [mark for mark in field.metadata if isinstance(mark, Reads)] + _inside(field.annotation)


def _inside(annotation: Any) -> list[Reads]:
    own = annotation.__metadata__ if get_origin(annotation) is Annotated else ()
    inner = [mark for part in get_args(annotation) for mark in _inside(part)]
    return [mark for mark in own if isinstance(mark, Reads)] + inner
