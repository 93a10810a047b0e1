"""Augment training texts for a teacher to label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MASK = "[MASK]"
MASKED, CUT, LONGEST = 0.1, 0.25, 5


def masked_copies(texts: Sequence[str], copies: int, seed: int) -> list[str]:
    """Return new texts with some words hidden, some of them cut to a few neighbouring words.

    A word becomes `[MASK]` with a chance of 0.1; a text is then cut to 1 to 5 neighbouring words
    with a chance of 0.25. Duplicates are left out. Source: Tang et
    al. 2019, "Distilling Task-Specific Knowledge from BERT into Simple Neural Networks", section
    3.3, without its swaps of words of one part of speech, which need a tagger.

    Args:
        copies: of every text.
    """
    random = np.random.default_rng(seed)
    known, masked = set(texts), []
    for text in texts:
        words = text.split()
        for _ in range(copies if words else 0):
            drawn = random.random(len(words)) < MASKED
            new = [MASK if hide else word for word, hide in zip(words, drawn, strict=True)]
            if random.random() < CUT:
                count = min(int(random.integers(1, LONGEST + 1)), len(new))
                start = int(random.integers(0, len(new) - count + 1))
                new = new[start : start + count]
            copy = " ".join(new)
            if copy not in known:
                known.add(copy)
                masked.append(copy)
    return masked
