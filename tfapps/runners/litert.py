"""Runs a .tflite file with LiteRT alone: no TensorFlow, no Keras."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfapps.errors import InputError
from tfapps.features import padding
from tfapps.features.feature import MASK, OWN_LENGTH
from tfapps.features.padding import SERVE, SHORT
from tfapps.runners._interpreter import Session, Sessions, features_of, interpreter


def operators(path: str | os.PathLike) -> list[str]:
    """Ops of the main graph in order, before any delegate: `['GATHER', 'FULLY_CONNECTED', ...]`."""
    made = interpreter(path, delegate=False)
    return [detail["op_name"] for detail in made._get_ops_details()]


def signatures(path: str | os.PathLike) -> list[str]:
    """Names of what a file can be asked."""
    return sorted(interpreter(path).get_signature_list())


def partitions(path: str | os.PathLike) -> int:
    """How many pieces of the graph XNNPACK takes: 1 is best, every more is a copy of tensors."""
    made = interpreter(path)
    return sum(detail["op_name"] == "DELEGATE" for detail in made._get_ops_details())


class LiteRTRunner:
    """Batch of features (b, t) -> outputs (b, ...), row by row through a file of batch 1.

    Shorter rows are padded to the static length, or to the least that holds them where the file
    has several (`short_<length>`); longer ones are cut. Any number of threads may call it at a
    time: each has an interpreter of a pool, see `Sessions`.

    Args:
        outputs: which of the file's outputs are wanted; a single one is an array, several are a
            dictionary.
        signature: that is run.

    Example:
        >>> LiteRTRunner("litert/float32.tflite")({"token_ids": ids, "padding_mask": mask})

    Raises:
        InputError: damaged file; missing, unknown or badly shaped inputs.
        Failure: an op refused the values of a row.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        threads: int = 1,
        outputs: Sequence[str] = padding.OUTPUTS,
        signature: str = SERVE,
    ) -> None:
        # Tensors are allocated lazily: a state that is to be reset has to exist.
        self._sessions = Sessions(path, threads, prepare=Session.warm_up)
        self.path = self._sessions.path
        self._outputs = tuple(outputs)
        signatures = self._sessions.inputs
        if signature not in signatures:
            raise InputError(
                f"{path}: expected the signature {signature}, got {sorted(signatures) or 'none'}; "
                "export the file with tfapps"
            )
        self._inputs = signatures[signature]
        self._known = self._sessions.outputs[signature]
        padding.check_outputs(self.path, self._known, self._outputs)
        self.shapes = {
            name: tuple(int(n) for n in detail["shape"]) for name, detail in self._inputs.items()
        }
        shapes = {s[:2] for n, s in self.shapes.items() if n not in OWN_LENGTH}
        if len(shapes) != 1 or len(next(iter(shapes))) != 2:
            raise InputError(f"{path}: expected inputs of one shape (1, length), got {shapes}")
        self.length = next(iter(shapes))[1]
        self._of_text = next(name for name in self.shapes if name not in OWN_LENGTH)
        self._features = features_of(self._inputs)
        self._signatures = {self.length: signature}
        if signature == SERVE:
            shorter = (name for name in signatures if name.startswith(SHORT))
            self._signatures |= {int(name.removeprefix(SHORT)): name for name in shorter}
        self.lengths = tuple(sorted(self._signatures))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs, in alphabetical order."""
        return tuple(sorted(self._inputs))

    def _row(self, session: Session, row: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        length = self._least(row)
        if length < self.length:
            row = {name: column[:, :length] for name, column in row.items()}
        session.reset()
        found = session.call(self._signatures[length], row)
        return {n: padding.widen(out, self._known[n]["shape"][1:2]) for n, out in found.items()}

    def _least(self, row: Mapping[str, np.ndarray]) -> int:
        """The least of the file's lengths that holds all tokens of a row."""
        if len(self.lengths) == 1 or MASK not in row:
            return self.length
        used = int(np.flatnonzero(row[MASK][0]).max(initial=-1)) + 1
        return next(length for length in self.lengths if length >= used)

    def __call__(self, features: Mapping[str, np.ndarray]) -> Any:
        rows = padding.check(features, self._features)
        length = np.shape(features[self._of_text])[1]
        fitted = padding.pad(self._features, features, full=True)
        # In front of the rows, so that there is a shape where there is no row.
        parts = [{n: np.zeros((0, *self._known[n]["shape"][1:]), np.float32) for n in self._known}]
        with self._sessions.borrowed() as session:
            for i in range(rows):
                row = {name: column[i : i + 1] for name, column in fitted.items()}
                parts.append(self._row(session, row))
        return padding.outputs(parts, self._outputs, self.length, length)
