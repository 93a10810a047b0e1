"""Runs a .tflite file with LiteRT alone: no TensorFlow, no Keras."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.errors import Failure, InputError
from tfapps.runners import _features
from tfapps.runners._features import SERVE, SHORT

MASK = "padding_mask"


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """LiteRT announces its delegate on file descriptor 2, which no Python setting turns off."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def interpreter(path: str | os.PathLike, threads: int = 1, *, delegate: bool = True) -> Any:
    """An allocated LiteRT interpreter, with XNNPACK unless `delegate` is False.

    Raises:
        InputError: the file is missing or is no TFLite model that LiteRT can run.
    """
    from ai_edge_litert import interpreter as litert

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; export the run first")
    resolver = litert.OpResolverType.BUILTIN
    if not delegate:
        resolver = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        with _silent():
            made = litert.Interpreter(
                str(path), num_threads=threads, experimental_op_resolver_type=resolver
            )
            made.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else "unreadable"
        raise InputError(
            f"{path}: LiteRT cannot load it ({reason}); the file is damaged or was made for "
            "another runtime: export it again"
        ) from error
    return made


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
    has several (`short_<length>`); longer ones are cut.

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
        outputs: Sequence[str] = _features.OUTPUTS,
        signature: str = SERVE,
    ) -> None:
        self.path = Path(path)
        self._outputs = tuple(outputs)
        self._interpreter = interpreter(path, threads)
        signatures = self._interpreter.get_signature_list()
        if signature not in signatures:
            raise InputError(
                f"{path}: expected the signature {signature}, got {sorted(signatures) or 'none'}; "
                "export the file with tfapps"
            )
        with _silent():
            runs = {name: self._interpreter.get_signature_runner(name) for name in signatures}
        self._inputs = runs[signature].get_input_details()
        self._known = runs[signature].get_output_details()
        _features.check_outputs(self.path, self._known, self._outputs)
        self.shapes = {
            name: tuple(int(n) for n in detail["shape"]) for name, detail in self._inputs.items()
        }
        shapes = {s[:2] for n, s in self.shapes.items() if n not in _features.OWN_LENGTH}
        if len(shapes) != 1 or len(next(iter(shapes))) != 2:
            raise InputError(f"{path}: expected inputs of one shape (1, length), got {shapes}")
        self.length = next(iter(shapes))[1]
        self._of_text = next(name for name in self.shapes if name not in _features.OWN_LENGTH)
        self._runs = {self.length: runs[signature]}
        if signature == SERVE:
            shorter = (name for name in runs if name.startswith(SHORT))
            self._runs |= {int(name.removeprefix(SHORT)): runs[name] for name in shorter}
        self.lengths = tuple(sorted(self._runs))
        # Tensors are allocated lazily; one run of each signature makes the state of LSTMs exist, so
        # that all of it can be reset. Ones, because an all-zero padding mask is a division by zero
        # in a mean over tokens.
        for run in runs.values():
            run(**{n: np.ones(d["shape"], d["dtype"]) for n, d in run.get_input_details().items()})

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs, in alphabetical order."""
        return tuple(sorted(self._inputs))

    def _row(self, row: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        length = self._least(row)
        if length < self.length:
            row = {name: column[:, :length] for name, column in row.items()}
        try:
            said = self._runs[length](**row)
            return {
                n: _features.widen(out, self._known[n]["shape"][1:2]) for n, out in said.items()
            }
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise Failure(f"{self.path}: LiteRT stopped in the middle: {reason}") from error

    def _least(self, row: Mapping[str, np.ndarray]) -> int:
        """The least of the file's lengths that holds all tokens of a row."""
        if len(self.lengths) == 1 or MASK not in row:
            return self.length
        used = int(np.flatnonzero(row[MASK][0]).max(initial=-1)) + 1
        return next(length for length in self.lengths if length >= used)

    def __call__(self, features: Mapping[str, np.ndarray]) -> Any:
        rows = _features.check(features, self._inputs)
        length = np.shape(features[self._of_text])[1]
        fitted = {
            name: _features.fit(features[name], self.shapes[name][1]).astype(detail["dtype"])
            for name, detail in self._inputs.items()
        }
        # In front of the rows, so that there is a shape where there is no row.
        parts = [{n: np.zeros((0, *self._known[n]["shape"][1:]), np.float32) for n in self._known}]
        for i in range(rows):
            # Fused LSTMs keep their state between calls; a row must not see the one before.
            self._interpreter.reset_all_variables()
            parts.append(self._row({name: fitted[name][i : i + 1] for name in fitted}))
        return _features.outputs(parts, self._outputs, self.length, length)
