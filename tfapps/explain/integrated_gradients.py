"""Integrated gradients: slopes along the straight line from an empty text to the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from tfapps.config.sections import Section
from tfapps.errors import InputError
from tfapps.explain import base
from tfapps.explain.parts.scores import Scores, by_word
from tfapps.explain.parts.text import Text, blanked

if TYPE_CHECKING:
    from tfapps.explain.parts.reader import Reader

CHUNK = 256  # places on the way whose embeddings are held at a time


class Config(Section):
    """The steps on the line (Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks").

    It starts at the same text with [MASK] ([UNK] where a vocabulary has none) in place of the
    pieces of words. Zeros would do worse: behind a layer normalisation they differ from a text by
    nothing that a model sees until the very last bit of the way, where all slopes are.

    Attributes:
        steps: places on the way whose slopes are summed, each in the middle of its part.
    """

    name: str = "integrated_gradients"
    steps: int = Field(64, ge=1, le=100_000)


def refusal(model: Any) -> str | None:
    """Tell why a model cannot be explained so; None if it can."""
    from tfapps.graph.cut import embedded

    try:
        embedded(model)
    except InputError:
        return "integrated_gradients: no layer of the model embeds token_ids; use occlusion"
    return None


def explain(config: Config, reader: Reader, text: Text, target: int) -> Scores:
    """Share the difference of the target's logit between text and baseline among the words.

    What a model reads beside the ids (segments, case, letters) stays as it is on the whole way, and
    so do special pieces: the rest is 0.
    """
    everything = np.ones((1, len(text.words)), bool)
    end = reader.embed(text.features)
    start = reader.embed(blanked(text, everything))
    change = end - start
    middles = (np.arange(config.steps, dtype=np.float32) + 0.5) / config.steps
    total = np.zeros(change.shape[1:])
    for points in np.array_split(middles, -(-config.steps // CHUNK)):
        total += reader.slopes(start + points[:, None, None] * change, text.features, target)[1]
    words, rest = by_word(text, (change[0] * total / config.steps).sum(axis=-1))
    first, last = reader.slopes(np.concatenate([start, end]), text.features, target)[0]
    return Scores(words, rest, float(last - first))


class Explainer(base.Explainer):
    """What other packages ask of this file."""

    refusal = staticmethod(refusal)
    explain = staticmethod(explain)
