"""The contract of a tuner: every attribute and hook that other packages ask for.

A file of this folder holds a `Config(base.Config)` and a class `Tuner`, a subclass of the one here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from tfapps.config.sections import Section


class Config(Section):
    """Base of the Configs of tuners."""

    @property
    def keeps_delta(self) -> bool:
        """Whether the bundle holds only what was learned beside a preset."""
        return False


class Tuner(ABC):
    """Which weights learn, and what is put beside them; it is never instantiated.

    The output of the model that `merge` returns equals that of the trained one to 1e-5, and `apply`
    should not change the output.

    Attributes:
        needs: what the task has to need of a model, `encoder` or `seq2seq`; None for any.
        needs_part: the part of the model that it works on, see `parts` of the models; None for
            any.
    """

    needs: ClassVar[str | None] = None
    needs_part: ClassVar[str | None] = None

    @staticmethod
    def build(config: Any, model: Any) -> Any:
        """Return the model with what stays in it for good; it is called for every export too.

        Raises:
            InputError: a model without a place for it.
        """
        return model

    @staticmethod
    @abstractmethod
    def apply(config: Any, model: Any) -> Any:
        """Return the model as it trains: freeze weights with `_only.only`, put layers beside them.

        Raises:
            InputError: a model that it does not fit.
        """

    @staticmethod
    def callbacks(config: Any, model: Any, steps: int) -> list[Any]:
        """Return Keras callbacks for a fit of so many optimizer steps."""
        return []

    @staticmethod
    def ready(config: Any, epochs: int) -> float | None:
        """Return the epochs before the weights may be the best; None for no such."""
        return None

    @staticmethod
    def settled(config: Any, epochs: int) -> float:
        """Return the epochs before early stopping may count."""
        return 0.0

    @staticmethod
    def merge(config: Any, model: Any) -> Any:
        """Return the model without what only its training needed."""
        return model

    @staticmethod
    def stored(config: Any) -> Any:
        """Return the config whose `apply` gives the form that a delta has."""
        return config
