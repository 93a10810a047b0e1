"""What a compressor may look at before it decides what to take away."""

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
        model: as it came out of the step before.
        examples: per split, as the source gave them.
        tokenizer: of the model.
        batches: split -> batches of (features {name: (b, t)}, targets, weight (b,)), in row order.
        loss: (targets, logits (b, ...)) -> loss of each example, (b,).
        seed: of the run.
        root: folder of the run's data files; None is $TFAPPS_DATA, then here.
    """

    model: keras.Model
    examples: Mapping[str, Sequence[Mapping[str, Any]]]
    tokenizer: Tokenizer
    batches: Callable[[str], Iterable[tuple[dict[str, Any], dict[str, Any], Any]]]
    loss: Callable[..., Any]
    seed: int
    root: str | None = None
