"""Columns of examples: rows of different lengths, end to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


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
        """Return the length of every row, int64 (rows,)."""
        return np.diff(self.offsets)


@dataclass(frozen=True)
class Encoded:
    """Columns of the same number of rows; `truncated` rows lost tokens."""

    columns: dict[str, Ragged | np.ndarray]
    truncated: int

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0
