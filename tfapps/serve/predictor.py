"""Strings in, answers out: the only way a finished run is used."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapps import registry
from tfapps.bundle.artefacts import full_name
from tfapps.errors import InputError
from tfapps.features.arrays import map_arrays
from tfapps.features.feature import Feature
from tfapps.features.padding import pad
from tfapps.presets import offline
from tfapps.serve.artifacts import open_runner, preferred
from tfapps.serve.ensemble import Ensemble
from tfapps.text.questions import examples_of, reads_pairs

if TYPE_CHECKING:
    from tfapps.bundle.bundle import Bundle
    from tfapps.config.sections import RunConfig


class Predictor:
    """A run, opened for answers.

    Any number of threads may ask one predictor at a time. A LiteRT artefact answers as many at once
    as there are cores, from a pool of sessions, each with tensors and packed weights of its own in
    memory; Keras and SavedModel run any number of calls at once.

    Attributes:
        artifact: name of the artefact that answers.
        paired: whether the run was trained on pairs of texts, and is asked for such.

    Example:
        >>> predictor = Predictor.open("saved_models/support_intents")
        >>> predictor(["where is my parcel?"])
        [{'label': 'delivery', 'score': 0.97}]
    """

    def __init__(
        self,
        *,
        artifact: str,
        runner: Callable[[Any], Any],
        features: Sequence[Feature],
        tokenizer: Any,
        task: Any,
        max_length: int,
        paired: bool = False,
    ) -> None:
        self.artifact = artifact
        self.paired = paired
        self._truncated, self._counting = 0, threading.Lock()
        self._runner = runner
        self._features = tuple(features)
        self._tokenizer = tokenizer
        self._task = task
        self._max_length = max_length

    @classmethod
    def open(
        cls, path: str | os.PathLike, artifact: str | None = None, threads: int = 1
    ) -> Predictor | Ensemble:
        """Open the run in `path`; its files are checked against their hashes first.

        Args:
            path: the run's folder.
            artifact: which artefact answers, `litert_int8` say, or `int8`; None takes the
                recommended one, else the first there of `PREFERENCE`, then any other, then the
                Keras model, but never a SavedModel, which is code.
            threads: CPU threads of each session of a LiteRT artefact.

        Raises:
            InputError: no run there, a damaged file, or no such artefact.
        """
        from tfapps.bundle.bundle import Bundle
        from tfapps.config import load as configs
        from tfapps.text.tokenizer import Tokenizer

        bundle = Bundle.open(Path(path))
        run = configs.load(bundle.config_path)
        names = bundle.artifacts()
        if artifact is None:
            name = preferred(names, bundle.metrics.get("recommended"))
        else:
            name = full_name(artifact, names, bundle.path)
        if bundle.members:
            return _ensemble(cls, bundle, run, name, threads)
        tokenizer = Tokenizer.load(bundle.text)
        task = registry.load("task", run.task.name).Task.load(run.task, bundle.text)
        with offline.bundle(bundle.path):
            runner = open_runner(name, bundle, run, task, tokenizer, threads=threads)
        return cls(
            artifact=name,
            runner=runner,
            features=runner.features,
            tokenizer=tokenizer,
            task=task,
            max_length=runner.length or run.model.max_length,
            paired=reads_pairs(run),
        )

    @property
    def truncated(self) -> int:
        """Return how many texts were longer than the model reads, since it was opened."""
        return self._truncated

    def __call__(self, texts: Sequence[str | tuple[str, str]]) -> list[dict[str, Any]]:
        """Return answers in the order of the texts; a pair of texts is a tuple.

        Empty texts are answered too, and texts that are too long are cut and counted.

        Raises:
            InputError: not a list of texts, single texts for a run on pairs or the other way round,
                or a text with half of a surrogate pair.
        """
        answers: list[dict[str, Any]] = []
        for outputs, examples in self._outputs(texts):
            answers += self._task.decode(outputs, examples)
        return answers

    def logits(self, texts: Sequence[str | tuple[str, str]]) -> Any:
        """Return the logits of the texts, (b, ...), for callers that decide by themselves.

        A tagger has a row for each window of a text, (w, t, k), with zeros where the tokens of
        other texts are more.

        Raises:
            InputError: not a list of texts, an empty one, or a run that has no logits.
        """
        parts = [outputs for outputs, _ in self._outputs(texts)]
        if not parts:
            raise InputError("expected at least one text, got none")
        if isinstance(parts[0], list):
            raise InputError("this run's answers are found by a search; it has no logits of a text")
        return map_arrays(_joined, *parts)

    def attention(self, text: str) -> bytes:
        """Draw what each piece of the answer looked at in the text, as PNG.

        Raises:
            InputError: answers of this run look at nothing.
        """
        outputs, examples = next(iter(self._outputs([text])))
        picture = self._task.attention_png(outputs, examples)
        if picture is None:
            raise InputError("this run's answer has no attention to draw; expected a translation")
        return picture

    def _outputs(self, texts: Sequence[str | tuple[str, str]]) -> Any:
        examples = examples_of(texts, self.paired)
        rows = self._task.rows_at_once
        for start in range(0, len(examples), rows):
            batch = examples[start : start + rows]
            batch = self._task.expand(batch, self._tokenizer, self._max_length)
            columns, truncated = self._task.encode(batch, self._tokenizer, self._max_length)
            with self._counting:
                self._truncated += truncated
            # Words the tokenizer drops can leave nothing; a row without a token has no mean.
            blank = {"token_ids": self._tokenizer.unknown_id}
            yield self._runner(pad(self._features, columns, blank=blank)), batch


def _ensemble(
    kind: type[Predictor], bundle: Bundle, run: RunConfig, name: str, threads: int
) -> Ensemble:
    """Return every member of a bundle, opened; the files were checked already."""
    return Ensemble(
        members=[kind.open(path, name, threads) for path in bundle.members],
        config=run.ensemble,
        task=registry.load("task", run.task.name).Task.load(run.task, bundle.text),
        learned=bundle.ensemble.get("learned", {}),
        artifact=name,
    )


def _joined(*arrays: np.ndarray) -> np.ndarray:
    """Join rows of several batches to one array; those of tokens get the longest length."""
    if arrays[0].ndim > 2:
        longest = max(array.shape[1] for array in arrays)
        rest = [(0, 0)] * (arrays[0].ndim - 2)
        arrays = tuple(
            np.pad(array, [(0, 0), (0, longest - array.shape[1]), *rest]) for array in arrays
        )
    return np.concatenate(arrays)
