"""LiteRT's older interface: it shows the ops of a file, and runs files with fused LSTMs."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.backends._quiet import quiet
from tfapps.backends.base import Arrays, Signature, Tensor
from tfapps.errors import Failure, InputError


def content_of(path: str | os.PathLike) -> bytes:
    """Read a file.

    Raises:
        InputError: it is missing or cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; export the run first") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def interpreter(
    path: str | os.PathLike,
    threads: int = 1,
    *,
    delegate: bool = True,
    content: bytes | None = None,
) -> Any:
    """Make an allocated LiteRT interpreter, which belongs to one caller at a time.

    Args:
        delegate: run with XNNPACK.
        content: of the file, if it was read before.

    Raises:
        InputError: the file is missing or is not a TFLite model that LiteRT can run.
    """
    from ai_edge_litert import interpreter as litert

    content = content_of(path) if content is None else content
    resolver = litert.OpResolverType.BUILTIN
    if not delegate:
        resolver = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        with quiet() if delegate else contextlib.nullcontext():
            session = litert.Interpreter(
                model_content=content, num_threads=threads, experimental_op_resolver_type=resolver
            )
            session.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else "unreadable"
        if not content:
            reason = "it is empty"
        raise InputError(
            f"{path}: LiteRT cannot load it ({reason}); the file is damaged or was made for "
            "another runtime: export it again"
        ) from error
    return session


class InterpreterSession:
    """An interpreter and its signatures, for one caller at a time.

    Attributes:
        signatures: what the file can be asked.
    """

    def __init__(self, path: Path, threads: int, content: bytes) -> None:
        self.path = path
        self._interpreter = interpreter(path, threads, content=content)
        names = self._interpreter.get_signature_list()
        self._runs = {name: self._interpreter.get_signature_runner(name) for name in names}
        self.signatures = {
            name: Signature(_tensors(run.get_input_details()), _tensors(run.get_output_details()))
            for name, run in self._runs.items()
        }
        self._warm_up()

    def _warm_up(self) -> None:
        """Run each signature once, so that the state of fused LSTMs exists and can be reset.

        On ones, because an all-zero padding mask is a division by zero in a mean over tokens.
        """
        for name, run in self._runs.items():
            inputs = self.signatures[name].inputs.items()
            run(**{name: np.ones(tensor.shape, tensor.dtype) for name, tensor in inputs})

    def call(self, signature: str, arrays: Arrays) -> dict[str, np.ndarray]:
        """Run a signature on the first states of fused LSTMs: no text may see another.

        Raises:
            Failure: an op refused the values.
        """
        self._interpreter.reset_all_variables()
        try:
            return self._runs[signature](**arrays)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise Failure(f"{self.path}: LiteRT stopped in the middle: {reason}") from error


def _tensors(details: dict[str, Any]) -> dict[str, Tensor]:
    return {
        name: Tensor(tuple(int(n) for n in detail["shape"]), np.dtype(detail["dtype"]).name)
        for name, detail in details.items()
    }
