"""Examples to arrays, once: the result is kept in a cache that never runs code when read."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import inspect
import io
import json
import logging
import os
import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.data import stored
from tfapps.data.corpora import Corpus
from tfapps.features.columns import Encoded, Ragged
from tfapps.text.tokenizer import Tokenizer

LIBRARIES = ("tokenizers", "regex", "numpy")
FORMAT = 1  # part of every cache key: raise it when encoded columns change their meaning
_log = logging.getLogger(__name__)


def encode(
    examples: Sequence[dict[str, Any]],
    task: Any,
    tokenizer: Tokenizer,
    max_length: int,
    cache_dir: Path | None,
) -> Encoded:
    """Encode examples for a task, or read what was encoded before from the same content.

    A damaged cache file is rebuilt; a cache that can't be written costs time, not the run.
    """
    if isinstance(examples, Corpus):  # which memory may not hold
        key = _key(examples, task, tokenizer, max_length)
        return stored.encode(examples, task, tokenizer, max_length, key, cache_dir)
    if cache_dir is None:
        return _encode(examples, task, tokenizer, max_length)
    path = Path(cache_dir) / f"{_key(examples, task, tokenizer, max_length)}.npz"
    encoded = _read(path)
    if encoded is None:
        encoded = _encode(examples, task, tokenizer, max_length)
        try:
            _write(path, encoded)
        except OSError as error:
            _log.warning("cannot write the cache %s: %s", path, error.strerror or error)
    return encoded


def _encode(
    examples: Sequence[dict[str, Any]], task: Any, tokenizer: Tokenizer, max_length: int
) -> Encoded:
    columns, truncated = task.encode(examples, tokenizer, max_length)
    joined = {
        name: column if isinstance(column, np.ndarray) else Ragged.from_rows(column)
        for name, column in columns.items()
    }
    for name, column in joined.items():
        if len(column) != len(examples):
            raise ValueError(
                f"column {name}: {len(column)} rows, expected {len(examples)}, one an example"
            )
    return Encoded(joined, int(truncated))


def _key(examples: Sequence[dict[str, Any]], task: Any, tokenizer: Tokenizer, length: int) -> str:
    """Return the SHA-256 of everything that decides the encoding, all of its code included."""
    kind = type(task)
    parts = [
        json.dumps([FORMAT, length, kind.__module__, kind.__qualname__, *_versions()]).encode()
    ]
    parts.append(task.config.model_dump_json().encode())  # which may change what a row becomes
    parts += _code(Path(inspect.getfile(kind)).parent)
    parts += [tokenizer.content(), json.dumps(tokenizer.surface).encode()]
    with tempfile.TemporaryDirectory() as folder:
        task.save(Path(folder))
        for file in sorted(p for p in Path(folder).rglob("*") if p.is_file()):
            parts += [file.relative_to(folder).as_posix().encode(), file.read_bytes()]
    parts.append(content(examples))
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


@functools.cache
def _code(tasks: Path) -> tuple[bytes, ...]:
    """Return the source of a task, of its helpers, and of all that makes ids of files."""
    package = Path(__file__).parent.parent
    shared = ("text", "features", "data", "data/sources")
    folders = (tasks, *(package / name for name in shared))
    return tuple(file.read_bytes() for folder in folders for file in sorted(folder.glob("*.py")))


@functools.cache
def _versions() -> tuple[str, ...]:
    """Return the versions of the libraries that cut text, and of the Unicode tables."""
    return (*map(importlib.metadata.version, LIBRARIES), unicodedata.unidata_version)


def content(rows: Any) -> bytes:
    """Return what identifies rows of a source: the rows themselves, or the hash of a corpus."""
    if isinstance(rows, Corpus):
        return rows.digest.encode()
    return json.dumps(list(rows), ensure_ascii=True, sort_keys=True).encode()


def _write(path: Path, encoded: Encoded) -> None:
    """Write the digest, then the npz, to a temporary file, and rename it when it is complete."""
    arrays = {"truncated": np.array(encoded.truncated), "names": np.array(list(encoded.columns))}
    for number, column in enumerate(encoded.columns.values()):
        if isinstance(column, Ragged):
            arrays[f"{number}.values"], arrays[f"{number}.offsets"] = column.values, column.offsets
        else:
            arrays[f"{number}.dense"] = column
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(buffer.getbuffer()).digest())
            file.write(buffer.getbuffer())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _read(path: Path) -> Encoded | None:
    """Return what `_write` wrote; None if it is missing or was changed."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, payload = content[:32], content[32:]
    if hashlib.sha256(payload).digest() != digest:
        return None
    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        columns: dict[str, Ragged | np.ndarray] = {}
        for number, name in enumerate(arrays["names"].tolist()):
            if f"{number}.dense" in arrays:
                columns[name] = arrays[f"{number}.dense"]
            else:
                columns[name] = Ragged(arrays[f"{number}.values"], arrays[f"{number}.offsets"])
        return Encoded(columns, int(arrays["truncated"]))
