"""The result of an explainer: a score for each word, and what the scores should sum to."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tfapps.explain.parts.text import Text


class Scores(NamedTuple):
    """How much each word speaks for an answer.

    Attributes:
        words: (words,), positive for, negative against.
        rest: of the special pieces, such as [CLS], together.
        total: what words and rest sum up to if the method is exact.
    """

    words: np.ndarray
    rest: float
    total: float

    @property
    def delta(self) -> float:
        """Return the difference between the sum and the value it should have."""
        return abs(float(self.words.sum()) + self.rest - self.total)


def by_word(text: Text, pieces: np.ndarray) -> tuple[np.ndarray, float]:
    """Return scores of pieces (t,) summed over each word, (words,), and over what is no word."""
    inside = text.word_of >= 0
    sums = np.bincount(text.word_of[inside], pieces[inside], minlength=len(text.words))
    return sums, float(pieces[~inside].sum())
