"""The contract of an exporter: every attribute and hook that other packages ask for.

A file of this folder holds a class `Exporter`, a subclass of the one here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np


class Exporter(ABC):
    """How files are written; never instantiated.

    Attributes:
        artifacts: names of the artefacts that it writes; no other exporter has one of them.
        of_steps: those of them that can be made for `seq2seq` tasks.
        only_steps: those of them that can be made for no other tasks.
        searching: those of them that hold a search, which takes the likeliest token each time.
        of_lengths: those of them that may have signatures of shorter lengths; `export` takes
            `lengths` if there are some.
        adds_probabilities: outputs of probabilities are added to its .tflite files after they are
            written; otherwise the graphs of `split` have them.
    """

    artifacts: ClassVar[tuple[str, ...]] = ()
    of_steps: ClassVar[tuple[str, ...]] = ()
    only_steps: ClassVar[tuple[str, ...]] = ()
    searching: ClassVar[tuple[str, ...]] = ()
    of_lengths: ClassVar[tuple[str, ...]] = ()
    adds_probabilities: ClassVar[bool] = False

    @staticmethod
    @abstractmethod
    def export(
        names: Sequence[str],
        *,
        rebuild: Callable[[int | None, int | None], Any],
        max_length: int,
        calibration: Sequence[Mapping[str, np.ndarray]],
        split: Callable[[Any], Mapping[str, Any]],
        folder: Path,
    ) -> None:
        """Write artefacts into the bundle.

        Args:
            names: those asked for, of `artifacts`.
            rebuild: (batch size, length) -> functional model with the trained weights.
            max_length: the static length.
            calibration: batches of features (b, t), for ranges of integers.
            split: model -> {signature: model}, the graphs that a file holds.
            folder: the bundle being written.

        Raises:
            Failure: a file that cannot be made, or that needs more than built-in operations.
        """
