"""The head that guesses hidden words, of a task that fills gaps: its layers, and their start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapps.presets import presets
from tfapps.tasks import _counts

if TYPE_CHECKING:
    import keras

TASK = "masked_lm"  # whose runs have such a head
BIAS = "head_bias"
OF_ITS_OWN = "head_vocabulary"  # where the table of the embeddings is no output matrix


def transform(states: Any, width: int) -> Any:
    """Return what is compared with the vectors of pieces: (..., d) -> (..., width)."""
    from tfapps.layers.layer_norm import LayerNorm
    from tfapps.layers.linear import Linear

    x = Linear(width, activation="gelu", name="head_transform")(states)
    return LayerNorm(1e-12, name="head_norm")(x)


def start(
    model: keras.Model,
    preset: str | None,
    sentences: Iterable[str],
    ids: Callable[[list[str]], Sequence[np.ndarray]],
    seed: int,
) -> None:
    """Set the head as the preset has it, else as counting the corpus tells.

    A preset without one keeps its encoder: then only the frequencies of pieces are set.
    """
    if preset is not None and presets.trained_for(preset) == TASK:
        carry(model, presets.run_weights(preset))
        return
    embeddings = model.get_layer("embeddings")
    table = embeddings.weights[0]
    bias = model.get_layer(BIAS if hasattr(embeddings, "units") else OF_ITS_OWN).bias
    if preset is None:
        _counts.start_embeddings(_counts.count(sentences, ids, table.shape[0]), table, bias, seed)
    else:
        bias.assign(_counts.log_shares(_counts.count_single(sentences, ids, table.shape[0])))


def carry(model: keras.Model, weights: dict[str, np.ndarray]) -> None:
    """Set what the head of `model` has in common with that of a run, by path."""
    for weight in model.weights:
        if weight.path.startswith("head_") and weight.path in weights:
            weight.assign(weights[weight.path])
