"""The contract of an explainer: every hook that other packages ask for.

A file of this folder holds a `Config` and a class `Explainer`, a subclass of the one here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfapps.explain.parts.reader import Reader
    from tfapps.explain.parts.scores import Scores
    from tfapps.explain.parts.text import Text


class Explainer(ABC):
    """How words are scored; never instantiated."""

    @staticmethod
    def refusal(model: Any) -> str | None:
        """Return why it does not fit a model; None if it does."""
        return None

    @staticmethod
    @abstractmethod
    def explain(config: Any, reader: Reader, text: Text, target: int) -> Scores:
        """Return what each word says for a label.

        Args:
            reader: the model, as it is asked.
            text: one example.
            target: number of the label.
        """
