"""LiteRT files (.tflite) with LiteRT alone: no TensorFlow, no Keras."""

from __future__ import annotations

import os

import numpy as np

from tfapps.backends._interpreter import interpreter
from tfapps.backends._sessions import Sessions
from tfapps.backends.base import Arrays, Backend
from tfapps.bundle.manifest import Content


def operators(path: str | os.PathLike) -> list[str]:
    """Return the ops of the main graph, before any delegate: `['GATHER', 'FULLY_CONNECTED']`."""
    session = interpreter(path, delegate=False)
    return [detail["op_name"] for detail in session._get_ops_details()]


def partitions(path: str | os.PathLike) -> int:
    """Return how many pieces of the graph XNNPACK takes: 1 is best, more are copies of tensors."""
    session = interpreter(path)
    return sum(detail["op_name"] == "DELEGATE" for detail in session._get_ops_details())


class LiteRT(Backend):
    """The signatures of a file, all of whose shapes are static.

    Each call has a session of a pool, see `Sessions`.

    Args:
        threads: CPU threads of each session.
        content: of the file, if it was read before.

    Example:
        >>> backend = LiteRT("litert/float32.tflite")
        >>> backend.call("serving_default", {"token_ids": ids, "padding_mask": mask})["logits"]

    Raises:
        InputError: the file is missing or damaged.
    """

    def __init__(
        self, path: str | os.PathLike, threads: int = 1, content: Content | None = None
    ) -> None:
        self.name = str(path)
        self._sessions = Sessions(path, threads, content)
        self.signatures = self._sessions.signatures

    def call(self, signature: str, arrays: Arrays) -> dict[str, np.ndarray]:
        """Run a signature."""
        with self._sessions.borrowed() as session:
            return session.call(signature, arrays)

    def partitions(self) -> int:
        """Return how many pieces of the graph XNNPACK takes."""
        return partitions(self.name)
