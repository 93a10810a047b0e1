"""A corpus as columns on disk: written a part at a time, read memory-mapped.

Memory holds only where each row starts, not the tokens.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.data.corpora import Corpus
from tfapps.errors import InputError
from tfapps.features.columns import Encoded, Ragged

META = "columns.json"
SENTENCES = 4096  # tokenized at once


def encode(
    corpus: Corpus, task: Any, tokenizer: Any, max_length: int, key: str, cache: Path | None
) -> Encoded:
    """Return the columns of all documents, from disk if they were written before.

    Args:
        task: its `encode` takes some documents and gives rows of them, any number.
        key: identifies these columns.
        cache: folder that keeps them; None deletes them with the result.

    Raises:
        InputError: the corpus is empty, or no folder can be written to.
    """
    folder = Path(cache) / f"{key}.columns" if cache is not None else None
    if folder is not None and _is_whole(folder):
        return _open(folder)
    try:
        if folder is not None:
            folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(
            tempfile.mkdtemp(prefix=".writing-", dir=folder.parent if folder else None)
        )
    except OSError as error:
        raise InputError(
            f"{cache or tempfile.gettempdir()}: cannot store the tokens of the corpus "
            f"({error.strerror or error}); set TFAPPS_CACHE to a folder that can be written to"
        ) from error
    try:
        _write(temporary, corpus, task, tokenizer, max_length)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    if folder is None:
        columns = _open(temporary)
        weakref.finalize(columns, shutil.rmtree, temporary, ignore_errors=True)
        return columns
    shutil.rmtree(folder, ignore_errors=True)  # what a broken write may have left
    temporary.rename(folder)
    return _open(folder)


def _write(folder: Path, corpus: Corpus, task: Any, tokenizer: Any, max_length: int) -> None:
    writers: dict[str, _Writer] = {}
    truncated = 0
    for part in corpus.parts(SENTENCES):
        columns, lost = task.encode(part, tokenizer, max_length)
        truncated += lost
        if not len(next(iter(columns.values()))):  # one-sentence documents, where pairs are made
            continue
        for name, column in columns.items():
            if name not in writers:
                writers[name] = _Writer(folder, len(writers))
            writers[name].add(column)
    for writer in writers.values():
        writer.close()
    if not writers:
        raise InputError(
            "the corpus gives no training rows; expected a sentence a line, and with "
            "task.pairs documents of two sentences or more (an empty line between documents)"
        )
    descriptions = {name: writer.description for name, writer in writers.items()}
    (folder / META).write_text(json.dumps({"columns": descriptions, "truncated": truncated}))


class _Writer:
    """One column: values end to end in a file, and where each row of a ragged one ends."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder, self._number = folder, number
        self._file = (folder / f"{number}.values").open("wb")
        self._lengths: list[np.ndarray] = []
        self.description: dict[str, Any] = {}

    def add(self, column: Any) -> None:
        """Append rows: an array (rows, ...), or a list of (t, ...)."""
        ragged = not isinstance(column, np.ndarray)
        values = np.concatenate(column) if ragged else column
        if ragged:
            self._lengths.append(np.array([len(row) for row in column], np.int64))
        self._file.write(np.ascontiguousarray(values).tobytes())
        self.description = {
            "number": self._number,
            "dtype": values.dtype.name,
            "inner": list(values.shape[1:]),
            "ragged": ragged,
            "bytes": self._file.tell(),
        }

    def close(self) -> None:
        """Close the file and write the offsets."""
        self._file.close()
        if self._lengths:
            offsets = np.concatenate([[0], np.cumsum(np.concatenate(self._lengths))])
            np.save(self._folder / f"{self._number}.offsets.npy", offsets.astype(np.int64))


def _is_whole(folder: Path) -> bool:
    """Return whether all files are complete; tokens are too many to hash before every run."""
    try:
        descriptions = json.loads((folder / META).read_text())["columns"].values()
        sizes = [(folder / f"{column['number']}.values").stat().st_size for column in descriptions]
        return sizes == [column["bytes"] for column in descriptions]
    except (OSError, ValueError, KeyError):
        return False


def _open(folder: Path) -> Encoded:
    meta = json.loads((folder / META).read_text())
    columns = {name: _column(folder, description) for name, description in meta["columns"].items()}
    return Encoded(columns, meta["truncated"])


def _column(folder: Path, description: Mapping[str, Any]) -> Ragged | np.ndarray:
    path = folder / f"{description['number']}.values"
    values = np.memmap(path, description["dtype"], "r").reshape(-1, *description["inner"])
    if not description["ragged"]:
        return np.array(values)
    offsets = np.load(folder / f"{description['number']}.offsets.npy", allow_pickle=False)
    return Ragged(values, offsets)
