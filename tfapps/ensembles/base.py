"""The contract of an ensemble: every attribute and hook that other packages ask for.

A file of this folder holds a `Config(Members)` and a class `Ensemble`, a subclass of the one here.
Letters of shapes: c labels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from tfapps.ensembles._members import mean


class Ensemble(ABC):
    """How runs become one answer, or one model; never instantiated.

    Attributes:
        averages_weights: one model is made of the members' weights, by `cook`; else `combine` puts
            their answers together.
        learns: `learn` looks at answers to training rows.
        sequential: members are trained one after the other, on `rows`.
    """

    averages_weights: ClassVar[bool] = False
    learns: ClassVar[bool] = False
    sequential: ClassVar[bool] = False

    @staticmethod
    @abstractmethod
    def member(config: Any, number: int, seed: int) -> dict[str, Any]:
        """Return what the config of a member sets, by dotted key."""

    @staticmethod
    def rows(
        config: Any, logits: Sequence[np.ndarray], truth: np.ndarray, seed: int
    ) -> list[int] | None:
        """Return the training rows of the next member; None for all.

        Args:
            logits: of the members so far on the training rows, (rows, c) each.
            truth: numbers of the classes, (rows,).
        """
        return None

    @staticmethod
    def learn(config: Any, logits: Sequence[np.ndarray], truth: np.ndarray) -> dict[str, Any]:
        """Return what `combine` needs to know, as JSON can hold it.

        Args:
            logits: of all members if `sequential`; else one entry, where the logits of each row are
                those of a member that never saw it.
            truth: numbers of the classes, (rows,).
        """
        return {}

    @staticmethod
    def combine(
        config: Any, logits: Sequence[np.ndarray], learned: Mapping[str, Any], activation: str
    ) -> np.ndarray:
        """Return the logits (rows, c) of the ensemble, in numpy alone; by default soft voting.

        Args:
            logits: of the members, (rows, c) each.
            activation: of the task.
        """
        return mean(logits, activation)

    @staticmethod
    def cook(
        config: Any,
        weights: Sequence[dict[str, np.ndarray]],
        figures: Sequence[float],
        judge: Callable[[dict[str, np.ndarray]], float],
    ) -> tuple[dict[str, np.ndarray], list[int]]:
        """Return the weights of one model, and the numbers of the members in it.

        Args:
            weights: of every member, by path.
            figures: dev metric of every member.
            judge: weights -> dev metric.
        """
        raise NotImplementedError
