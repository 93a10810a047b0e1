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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.data.corpora import Corpus
from tfapps.text.tokenizer import Tokenizer

MASK = "padding_mask"
LIBRARIES = ("tokenizers", "regex", "numpy")
FORMAT = 1  # part of every cache key: raise it when encoded columns change their meaning
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths, end to end: row i is values[offsets[i]:offsets[i + 1]].

    Attributes:
        values: (all, ...), what stands at each place may be a vector.
    """

    values: np.ndarray
    offsets: np.ndarray

    @classmethod
    def from_rows(cls, rows: Sequence[np.ndarray]) -> Ragged:
        """Join rows (t, ...) of one dtype."""
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        return cls(np.concatenate(rows) if len(rows) else np.zeros(0, np.int32), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """Length of every row, int64 (rows,)."""
        return np.diff(self.offsets)


@dataclass(frozen=True)
class Encoded:
    """Columns of equally many rows; `truncated` of them lost tokens."""

    columns: dict[str, Ragged | np.ndarray]
    truncated: int

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0


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
        from tfapps.data import stored

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


def dense(
    encoded: Encoded, features: Sequence[str], max_length: int, rows: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Features padded to max_length, {name: int32 (rows, max_length)}; all rows, or those asked."""
    rows = np.arange(len(encoded)) if rows is None else np.asarray(rows)
    out = {}
    for name in features:
        column = encoded.columns[length_column(encoded, features) if name == MASK else name]
        if isinstance(column, np.ndarray):
            out[name] = column[rows]
            continue
        inner = () if name == MASK else column.values.shape[1:]
        padded = np.zeros((len(rows), max_length, *inner), column.values.dtype)
        for i, row in enumerate(rows):
            piece = column[row]
            padded[i, : len(piece)] = 1 if name == MASK else piece
        out[name] = padded.astype(np.int32) if name == MASK else padded
    return out


def length_column(encoded: Encoded, features: Sequence[str]) -> str:
    """The feature whose length the padding mask shows: the first ragged one."""
    for name in features:
        if isinstance(encoded.columns.get(name), Ragged):
            return name
    raise ValueError(f"{MASK} needs a feature of tokens, got {', '.join(features)}")


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
    """SHA-256 of everything that decides the encoding, all of its code included."""
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
    """The source of a task and of the helpers beside it, and of all that makes ids of files."""
    package = Path(__file__).parent.parent
    folders = (tasks, package / "text", package / "data", package / "data" / "sources")
    return tuple(file.read_bytes() for folder in folders for file in sorted(folder.glob("*.py")))


@functools.cache
def _versions() -> tuple[str, ...]:
    """Of the libraries that cut text, and of the Unicode tables."""
    return (*map(importlib.metadata.version, LIBRARIES), unicodedata.unidata_version)


def content(rows: Any) -> bytes:
    """What tells rows of a source from others: the rows themselves, or the hash of a corpus."""
    if isinstance(rows, Corpus):
        return rows.digest.encode()
    return json.dumps(list(rows), ensure_ascii=True, sort_keys=True).encode()


def _write(path: Path, encoded: Encoded) -> None:
    """Digest, then npz; written beside the place and renamed, so a reader never sees half."""
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
    """What `_write` wrote; None where there is nothing, or not byte for byte what was written."""
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
