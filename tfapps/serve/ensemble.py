"""Several runs that answer as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfapps import registry
from tfapps.errors import InputError


class Ensemble:
    """An ensemble, opened for answers; used as a `Predictor` is.

    Attributes:
        members: a `Predictor` each.
        artifact: name of the artefact of every member that answers.
    """

    def __init__(
        self, *, members: Sequence[Any], config: Any, task: Any, learned: Any, artifact: str
    ) -> None:
        self.members, self.artifact = list(members), artifact
        self._config, self._task, self._learned = config, task, learned

    @property
    def truncated(self) -> int:
        """Return how many texts were longer than a member reads, since it was opened."""
        return max(member.truncated for member in self.members)

    @property
    def paired(self) -> bool:
        """Return whether it reads pairs of texts."""
        return self.members[0].paired

    def __call__(self, texts: Sequence[str | tuple[str, str]]) -> list[dict[str, Any]]:
        """Return answers in the order of the texts, as a `Predictor` does."""
        return self._task.decode(self.logits(texts), [{"label": None}] * len(texts))

    def logits(self, texts: Sequence[str | tuple[str, str]]) -> np.ndarray:
        """Return the combined logits of the members, (b, c)."""
        logits = [np.asarray(member.logits(texts)) for member in self.members]
        kind = registry.plugin("ensemble", self._config.name)
        return kind.combine(self._config, logits, self._learned, self._task.activation)

    def attention(self, text: str) -> bytes:
        """Refuse: an ensemble has no attention to draw.

        Raises:
            InputError: always.
        """
        raise InputError("an ensemble's answer has no attention to draw; ask one of its members")
