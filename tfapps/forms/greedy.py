"""Features in, the likeliest answers out, of files that search by themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.decoding.beam import Hypothesis, Search

Arrays = Mapping[str, np.ndarray]
ARTIFACTS = ("litert_greedy",)
INPUTS = ("token_ids", "padding_mask")
OUTPUTS = ("target_ids", "length", "log_prob", "attention")


def of_file(name: str, file: Path, task: Any, threads: int = 1) -> GreedyTranslator:
    """The greedy translator in an exported artefact; a SavedModel holds one beside its steps.

    Raises:
        InputError: the file is damaged.
    """
    if name == "saved_model":
        from tfapps.runners.saved_greedy import SavedGreedy

        return GreedyTranslator(SavedGreedy(file), task.search())
    from tfapps.runners.litert_greedy import LiteRTGreedy

    return GreedyTranslator(LiteRTGreedy(file, threads), task.search())


def greedy(how: Search) -> Search:
    """The search that such files do: answers are scored as in `how`."""
    return replace(how, beam=1, n_best=1)


class GreedyTranslator:
    """Batch of features (b, s) -> the answer of each row, in a list as if there were more.

    Args:
        run: features -> target_ids (b, limit), length (b,), log_prob (b,), and attention
            (b, limit + 1, s), that of the end the last.
        how: how answers are scored.
    """

    def __init__(self, run: Callable[[Arrays], Arrays], how: Search) -> None:
        self._run, self._how = run, how
        self.length = getattr(run, "length", None)

    def __call__(self, features: Arrays) -> list[list[Hypothesis]]:
        found = self._run({name: features[name] for name in INPUTS})
        mask = np.asarray(features["padding_mask"])
        padding = np.ones((len(mask), found["attention"].shape[2]))
        padding[:, : mask.shape[1]] -= mask[:, : padding.shape[1]]
        return [
            [self._answer(*row)]
            for row in zip(*(found[name] for name in OUTPUTS), padding, strict=True)
        ]

    def _answer(
        self,
        token_ids: np.ndarray,
        length: int,
        log_prob: float,
        attention: np.ndarray,
        padding: np.ndarray,
    ) -> Hypothesis:
        coverage = attention[: length + 1].sum(axis=0) + padding
        score = self._how.score(np.float64(log_prob), length + 1, coverage)
        return Hypothesis(token_ids[:length], float(score), attention[:length])
