"""The model and data a compressor reads to plan its work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

    from tfapps.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Job:
    """A trained model and its data.

    Attributes:
        model: the output of the previous step.
        examples: rows of each split, as the source returned them.
        tokenizer: of the model.
        batches: split -> batches of (features {name: (b, t)}, targets, weight (b,)), in row order.
        loss: (targets, logits (b, ...)) -> loss of each example, (b,).
        seed: of the run.
        root: folder of the run's data files; None is $TFAPPS_DATA, then the working directory.
    """

    model: keras.Model
    examples: Mapping[str, Sequence[Mapping[str, Any]]]
    tokenizer: Tokenizer
    batches: Callable[[str], Iterable[tuple[dict[str, Any], dict[str, Any], Any]]]
    loss: Callable[..., Any]
    seed: int
    root: str | None = None
