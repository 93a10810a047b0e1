"""Occlusion: how much the score falls without each word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from tfapps.config.sections import Section
from tfapps.explain import base
from tfapps.explain.parts import text as reading
from tfapps.explain.parts.scores import Scores

if TYPE_CHECKING:
    from tfapps.explain.parts.reader import Reader


class Config(Section):
    """How a word is hidden (Li et al. 2016, "Representation Erasure").

    Attributes:
        by: `blank` puts [MASK] ([UNK] where a vocabulary has none) in place of its pieces,
            `leave_out` moves the words behind it up.
    """

    name: str = "occlusion"
    by: Literal["blank", "leave_out"] = "blank"


def explain(config: Config, reader: Reader, text: reading.Text, target: int) -> Scores:
    """Give each word what the target's logit loses without it.

    Special pieces are never taken away, so `rest` is 0; `total` is what is lost without all words,
    which only a model that adds up words has as their sum.
    """
    count = len(text.words)
    one_each = np.eye(count, dtype=bool)
    ends = np.repeat([[False], [True]], count, axis=1)
    hidden = np.concatenate([one_each, ends])
    change = reading.blanked if config.by == "blank" else reading.removed
    logits = reader.logits(change(text, hidden))[:, target].astype(np.float64)
    full, nothing = logits[count], logits[count + 1]
    return Scores(full - logits[:count], 0.0, float(full - nothing))


class Explainer(base.Explainer):
    """What other packages ask of this file."""

    explain = staticmethod(explain)
