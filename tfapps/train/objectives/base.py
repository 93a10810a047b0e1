"""The contract of an objective: every attribute and hook that other packages ask for.

A file of this folder holds a `Config` and a class `Objective`, a subclass of the one here. Letters
of shapes: b rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar


class Objective(ABC):
    """The loss that a training step minimizes; never instantiated.

    Attributes:
        needs: what the task has to need of a model, `encoder` or `seq2seq`; None for any.
        compares_vectors: it compares the vectors of texts by their one label.
    """

    needs: ClassVar[str | None] = None
    compares_vectors: ClassVar[bool] = False

    @staticmethod
    @abstractmethod
    def build(
        config: Any,
        loss: Callable[..., Any],
        *,
        task: Any,
        model: Any,
        steps: int,
        seed: int,
        teachers: Sequence[Any],
    ) -> Callable[..., tuple[Any, Any]]:
        """Return the function that every step calls; take what you do not need as `**_`.

        Args:
            loss: of the task, (targets, outputs) -> (b,).
            steps: of the whole fit.
            teachers: models of the inputs of `model`, see the hook of this name.

        Returns:
            (model, features, targets, training) -> loss of each row (b,), and the outputs.
        """

    @staticmethod
    def teachers(config: Any) -> Sequence[str]:
        """Return the paths of the finished runs that are learned from."""
        return ()

    @staticmethod
    def follows_blocks(config: Any) -> bool:
        """Return whether more of a teacher is learned from than its answers."""
        return False

    @staticmethod
    def unlabelled(config: Any) -> str | None:
        """Return the file of texts without labels that are learned from; None for none."""
        return None

    @staticmethod
    def augment(config: Any) -> int:
        """Return how many changed copies of each text are learned from, without a label."""
        return 0
