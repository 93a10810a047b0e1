"""Integrated gradients: slopes along the straight way from a text of nothing to the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from tfapps.config import Section
from tfapps.errors import InputError
from tfapps.explain._scores import Scores, by_word
from tfapps.explain._text import Text, blanked

if TYPE_CHECKING:
    from tfapps.explain._reader import Reader


class Config(Section):
    """How the way is walked (Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks").

    Attributes:
        steps: places on the way whose slopes are summed, each in the middle of its part.
        baseline: where it starts. `blank` has [MASK] ([UNK] where a vocabulary has none) in place
            of the pieces of words and keeps the special ones; `zeros` has no numbers at all.
    """

    name: str = "integrated_gradients"
    steps: int = Field(64, ge=1, le=100_000)
    baseline: Literal["blank", "zeros"] = "blank"


def refusal(model: Any) -> str | None:
    """Tell why a model cannot be explained so; None if it can."""
    from tfapps.train.objectives._embedded import embedded

    try:
        embedded(model)
    except InputError:
        return "integrated_gradients: no layer of the model embeds token_ids; use occlusion"
    return None


def explain(config: Config, reader: Reader, text: Text, target: int) -> Scores:
    """Share the difference of the target's logit between text and baseline among the words.

    What a model reads beside the ids (segments, case, letters) stays as it is on the whole way.
    """
    everything = np.ones((1, len(text.words)), bool)
    end = reader.embed(text.features)
    start = np.zeros_like(end)
    if config.baseline == "blank":
        start = reader.embed(blanked(text, everything))
    way = end - start
    middles = (np.arange(config.steps, dtype=np.float32) + 0.5) / config.steps
    total = np.zeros(way.shape[1:])
    for some in np.array_split(middles, -(-config.steps // CHUNK)):
        total += reader.slopes(start + some[:, None, None] * way, text.features, target)[1]
    words, rest = by_word(text, (way[0] * total / config.steps).sum(axis=-1))
    first, last = reader.slopes(np.concatenate([start, end]), text.features, target)[0]
    return Scores(words, rest, float(last - first))


CHUNK = 256  # places whose embeddings are held at a time
