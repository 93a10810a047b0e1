"""Several runs that answer as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapps import registry
from tfapps.errors import InputError

if TYPE_CHECKING:
    from tfapps.bundle.bundle import Bundle
    from tfapps.config.sections import RunConfig
    from tfapps.serve.predictor import Predictor


class Ensemble:
    """An ensemble, opened for answers; used as a `Predictor` is.

    Attributes:
        artifact: name of the artefact of every member that answers.
    """

    def __init__(
        self, *, members: Sequence[Predictor], config: Any, task: Any, learned: Any, artifact: str
    ) -> None:
        self.members, self.artifact = list(members), artifact
        self._config, self._task, self._learned = config, task, learned

    @classmethod
    def of(cls, bundle: Bundle, run: RunConfig, artifact: str | None, threads: int) -> Ensemble:
        """Open every member of a bundle; the files were checked already."""
        from tfapps.serve.artifacts import preferred
        from tfapps.serve.predictor import Predictor

        name = artifact if artifact is not None else preferred(bundle.artifacts())
        if name not in bundle.artifacts():
            raise InputError(
                f"{bundle.path} has no artefact {name!r} in all members; there: "
                f"{', '.join(bundle.artifacts()) or 'none'}"
            )
        return cls(
            members=[Predictor.open(path, name, threads) for path in bundle.members],
            config=run.ensemble,
            task=registry.load("task", run.task.name).Task.load(run.task, bundle.text),
            learned=bundle.ensemble.get("learned", {}),
            artifact=name,
        )

    @property
    def truncated(self) -> int:
        """How many texts were longer than a member reads, since it was opened."""
        return max(member.truncated for member in self.members)

    @property
    def paired(self) -> bool:
        """Whether it reads pairs of texts."""
        return self.members[0].paired

    def __call__(self, texts: Sequence[str | tuple[str, str]]) -> list[dict[str, Any]]:
        """Answers in the order of the texts, as those of a `Predictor`."""
        return self._task.decode(self.logits(texts), [{"label": None}] * len(texts))

    def logits(self, texts: Sequence[str | tuple[str, str]]) -> np.ndarray:
        """(b, c) logits of what the members say together."""
        told = [np.asarray(member.logits(texts)) for member in self.members]
        kind = registry.plugin("ensemble", self._config.name)
        return kind.combine(self._config, told, self._learned, self._task.activation)

    def attention(self, text: str) -> bytes:
        """Nothing to draw.

        Raises:
            InputError: always.
        """
        raise InputError("an ensemble's answer has no attention to draw; ask one of its members")
