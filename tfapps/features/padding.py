"""Brings features to the inputs of an exported file, and what it says back to the rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.errors import InputError

LOGITS = "logits"
OWN_LENGTH = ("masked_places",)  # inputs that are no longer where the text is
OUTPUTS = (LOGITS,)  # of a model that has no others
SERVE = "serving_default"
# Signatures of lengths below that of SERVE. The converter puts graphs in the order of their names,
# and what asks for none takes the first: it has to be SERVE.
SHORT = "short_"


def check(features: Mapping[str, np.ndarray], expected: Iterable[str]) -> int:
    """Names must be those of the file, because a dropped input would give wrong answers silently.

    Returns the number of rows.

    Raises:
        InputError: missing or unknown inputs, inputs that are no (b, t, ...), rows that differ.
    """
    expected = sorted(expected)
    missing = [name for name in expected if name not in features]
    unknown = [name for name in features if name not in expected]
    if missing or unknown:
        wrong = [f"missing {', '.join(missing)}"] * bool(missing)
        wrong += [f"unknown {', '.join(unknown)}"] * bool(unknown)
        raise InputError(
            f"features do not fit the model: {'; '.join(wrong)}; expected {', '.join(expected)}"
        )
    shapes = {name: np.shape(features[name])[:2] for name in expected}
    alike = {shape for name, shape in shapes.items() if name not in OWN_LENGTH}
    rows = {shape[:1] for shape in shapes.values()}
    if any(len(shape) != 2 for shape in shapes.values()) or max(len(alike), len(rows)) != 1:
        raise InputError(f"features must all have one shape (rows, length), got {shapes}")
    return next(iter(shapes.values()))[0]


def fit(column: np.ndarray, length: int) -> np.ndarray:
    """(b, t, ...) -> (b, length, ...) int32: zeros on the right, or the right end cut off."""
    column = np.asarray(column, np.int32)[:, :length]
    rest = [(0, 0)] * (column.ndim - 2)
    return np.pad(column, [(0, 0), (0, length - column.shape[1]), *rest])


def widen(output: np.ndarray, width: Sequence[int]) -> np.ndarray:
    """(1, t, ...) -> (1, *width, ...), zeros behind what there is."""
    rest = [(0, 0)] * (output.ndim - 2)
    return np.pad(output, [(0, 0), *((0, n - output.shape[1]) for n in width), *rest])


def check_outputs(path: Path, there: Collection[str], wanted: Iterable[str]) -> None:
    """An artefact gives what is wanted of it.

    Raises:
        InputError: it does not.
    """
    missing = [name for name in wanted if name not in there]
    if missing:
        raise InputError(
            f"{path}: expected the outputs {', '.join(wanted)}, got {', '.join(sorted(there))}; "
            "export the run again"
        )


def outputs(
    parts: Sequence[Mapping[str, np.ndarray]], wanted: Sequence[str], static: int, length: int
) -> Any:
    """Outputs of some rows each, joined: an array, or a dictionary where several are wanted.

    Args:
        static: length that the features were brought to by `fit`.
        length: what it was before: logits of tokens lose the padding.
    """
    joined = {name: np.concatenate([part[name] for part in parts]) for name in wanted}
    logits = joined.get(LOGITS)
    if logits is not None and logits.ndim > 2 and logits.shape[1] == static:
        joined[LOGITS] = logits[:, :length]
    return joined if len(joined) > 1 else joined[wanted[0]]


def pad(rows: Sequence[np.ndarray], length: int, empty: int = 0) -> np.ndarray:
    """[(t, ...)] -> (b, length, ...), zeros on the right; a row of nothing is one `empty`."""
    inner = np.shape(rows[0])[1:] if len(rows) else ()
    out = np.zeros((len(rows), length, *inner), np.int32)
    for i, row in enumerate(rows):
        row = np.asarray(row)[:length] if len(row) else np.full((1, *inner), empty)
        out[i, : len(row)] = row
    return out


def padded(
    columns: Mapping[str, Sequence[Any]], inputs: Iterable[str], max_length: int, unknown_id: int
) -> dict[str, np.ndarray]:
    """Ragged columns [(t,)] -> the named inputs (b, t) int32, t of the longest row."""
    # Words the tokenizer drops can leave nothing; a row without a token has no mean.
    lengths = [min(max(len(row), 1), max_length) for row in columns["token_ids"]]
    longest = max(lengths)
    empty = {"token_ids": unknown_id}
    found = {}
    for name in inputs:
        if name in OWN_LENGTH:
            found[name] = pad(columns[name], max(1, *map(len, columns[name])))
        elif name == "padding_mask":
            mask = np.arange(longest) < np.array(lengths)[:, None]
            found[name] = mask.astype(np.int32)
        else:
            found[name] = pad(columns[name], longest, empty.get(name, 0))
    return found
