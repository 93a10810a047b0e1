"""Texts without labels, put among the training rows."""

from __future__ import annotations

import dataclasses
import gzip
from pathlib import Path
from typing import Any

import numpy as np

from tfapps import paths
from tfapps.data import encoding
from tfapps.data.encoding import Encoded, Ragged
from tfapps.errors import InputError
from tfapps.stages.prepare import Prepared, cache_folder

KIND = "classification"  # a text is all that this task needs to see


def texts_of(prepared: Prepared) -> list[str]:
    """The texts that the config's objective names; none if it names no file.

    Raises: InputError for a task that needs more than texts, an empty file, or one that is no text.
    """
    config = prepared.config
    name = getattr(config.objective, "unlabelled", None)
    if name is None:
        return []
    if config.task.name != KIND or "text_pair" in prepared.examples["train"][0]:
        raise InputError(
            f"objective.unlabelled: texts without labels serve the classification of single texts, "
            f"not {config.task.name}; leave it out"
        )
    path = paths.locate(name, getattr(config.data, "root", None))
    texts = [line.strip() for line in _read(path).splitlines()]
    texts = [text for text in texts if text]
    if not texts:
        raise InputError(f"objective.unlabelled: {path} has no text, expected one a line")
    return texts


def beside(prepared: Prepared, texts: list[str]) -> tuple[Prepared, dict[str, np.ndarray]]:
    """The training rows and `texts` behind them, with a column that tells them apart."""
    from tfapps.train.objectives._unlabelled import LABELLED

    there = prepared.encoded["train"]
    rows = [{"text": text} for text in texts]
    length = prepared.config.model.max_length
    more = encoding.encode(rows, prepared.task, prepared.tokenizer, length, cache_folder())
    label = there.columns["label"]
    blank = np.zeros((len(texts), *label.shape[1:]), label.dtype)
    columns = {
        name: _joined(column, blank if name == "label" else more.columns[name])
        for name, column in there.columns.items()
    }
    joined = Encoded(columns, there.truncated + more.truncated)
    flags = np.repeat(np.array([1, 0], np.int32), [len(there), len(texts)])
    encoded = {**prepared.encoded, "train": joined}
    return dataclasses.replace(prepared, encoded=encoded), {LABELLED: flags}


def _joined(one: Any, other: Any) -> Any:
    if not isinstance(one, Ragged):
        return np.concatenate([one, other])
    offsets = np.concatenate([one.offsets, one.offsets[-1] + other.offsets[1:]])
    return Ragged(np.concatenate([one.values, other.values]), offsets)


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"objective.unlabelled: cannot read {path}: {error}") from None
