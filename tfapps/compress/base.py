"""The contract of a compressor: every attribute and hook that other packages use.

A file of this folder holds a `Config(FineTune)` and a class `Compressor`, a subclass of the one
here. The stage calls the hooks in the order of this file, item by item.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import keras

    from tfapps.compress.parts.job import Job
    from tfapps.text.tokenizer import Tokenizer


class Compressor(ABC):
    """How a trained model is made smaller; never instantiated.

    Attributes:
        needs_part: the part of the model that it works on, see `parts` of the models; None for
            any.
        not_after: compressors that cannot run before it -> the reason.
        not_in_steps: the reason why it does not support `seq2seq` tasks; None if it does.
        retokenizes: whether texts are encoded with another tokenizer afterwards.
    """

    needs_part: ClassVar[str | None] = None
    not_after: ClassVar[Mapping[str, str]] = {}
    not_in_steps: ClassVar[str | None] = None
    retokenizes: ClassVar[bool] = False

    @staticmethod
    def plan(config: Any, job: Job) -> dict[str, Any]:
        """Look at the trained model and its data, and return a decision that JSON can hold.

        Raises:
            InputError: the model cannot be compressed this way.
        """
        return {}

    @staticmethod
    def tokenizer(plan: Mapping[str, Any], tokenizer: Tokenizer) -> Tokenizer:
        """Return the tokenizer that encodes texts afterwards, see `retokenizes`."""
        return tokenizer

    @staticmethod
    @abstractmethod
    def build(config: Any, model: keras.Model, plan: Mapping[str, Any]) -> keras.Model:
        """Return the model, changed in place or rebuilt with its weights.

        It is called again for every export, on a model of static shape, and must give the same
        paths of weights.
        """

    @staticmethod
    def begin(config: Any, model: keras.Model, batches: Iterable[Any]) -> None:
        """Change the model before fine-tuning, for example calibrate its ranges.

        Args:
            batches: of the training, (features, targets, weight) each.
        """

    @staticmethod
    def callbacks(config: Any, model: keras.Model, steps: int) -> list[Any]:
        """Return Keras callbacks for a fit of `steps` optimizer steps."""
        return []

    @staticmethod
    def ready(config: Any) -> int:
        """Return the first epoch that can be the best; 0 is the start."""
        return 0

    @staticmethod
    def finish(config: Any, model: keras.Model) -> None:
        """Change the model after fine-tuning, or instead of it with `epochs: 0`."""

    @staticmethod
    def hold(config: Any, model: keras.Model) -> None:
        """Preserve the compression while a later compressor fine-tunes."""

    @staticmethod
    def report(config: Any, model: keras.Model) -> dict[str, Any]:
        """Return figures for metrics.json, for example `{"sparsity": 0.8}`."""
        return {}

    @staticmethod
    def trains_ranges(config: Any) -> bool:
        """Return whether the model learns the ranges of its activations, as integer files need."""
        return False
