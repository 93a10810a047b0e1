"""The contract of a tuner: every attribute and hook that other packages use.

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
        """Return whether the bundle stores only the weights trained on top of a preset."""
        return False

    @property
    def head_alone(self) -> bool:
        """Return whether only the head trains, so that a task without one has nothing to train."""
        return False


class Tuner(ABC):
    """Which weights train, and which layers are added for it; never instantiated.

    The output of the model that `merge` returns equals that of the trained one to 1e-5, and `apply`
    should not change the output.

    Attributes:
        needs: the kind of model the task must need, `encoder` or `seq2seq`; None for any.
        needs_part: the part of the model that it works on, see `parts` of the models; None for
            any.
        learning_rate: `train.learning_rate` unless stated; None is that of the model.
    """

    needs: ClassVar[str | None] = None
    needs_part: ClassVar[str | None] = None
    learning_rate: ClassVar[float | None] = None

    @staticmethod
    def build(config: Any, model: Any) -> Any:
        """Return the model with permanent additions; called for every export too.

        Raises:
            InputError: the model has no place for them.
        """
        return model

    @staticmethod
    @abstractmethod
    def apply(config: Any, model: Any) -> Any:
        """Return the model as it trains: freeze weights with `_only.only`, add layers.

        Raises:
            InputError: the tuner does not fit the model.
        """

    @staticmethod
    def callbacks(config: Any, model: Any, steps: int) -> list[Any]:
        """Return Keras callbacks for a fit of `steps` optimizer steps."""
        return []

    @staticmethod
    def ready(config: Any, epochs: int) -> float | None:
        """Return the epochs before weights can be the best; None if there is no such limit."""
        return None

    @staticmethod
    def settled(config: Any, epochs: int) -> float:
        """Return the epochs before early stopping counts."""
        return 0.0

    @staticmethod
    def merge(config: Any, model: Any) -> Any:
        """Return the model without the parts that only training needed."""
        return model

    @staticmethod
    def stored(config: Any) -> Any:
        """Return the config whose `apply` builds the model that a delta file fits."""
        return config
