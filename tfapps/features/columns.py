"""Columns of examples: rows of different lengths end to end, and the same rows padded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MASK = "padding_mask"


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
