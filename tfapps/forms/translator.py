"""Features in, the best answers out: the search around any steps, whatever runs them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tfapps import registry
from tfapps.decoding.beam import MORE, TIMES, Hypothesis, Search, Stepped, search

if TYPE_CHECKING:
    import keras

    from tfapps.config.sections import RunConfig

Arrays = Mapping[str, np.ndarray]
BATCH = 64  # rows that are searched at once


class Steps(Protocol):
    """An encoder and a decoder's step, from whatever file.

    Attributes:
        rows: texts that can be encoded at once; None is any number.
    """

    rows: int | None

    def encode(self, features: Arrays) -> tuple[Arrays, Arrays]:
        """Features {name: (b, s)} -> first states, and what all steps read, {name: (b, ...)}."""

    def step(
        self, token_ids: np.ndarray, states: Arrays, context: Arrays
    ) -> tuple[np.ndarray, Arrays, np.ndarray | None]:
        """Last tokens (n,) -> logits (n, v), states, attention (n, s) if there is any."""


class Translator:
    """Batch of features (b, s) -> the best answers of each row.

    Args:
        limit: most tokens of an answer.

    Example:
        >>> Translator(steps, start_id=2, end_id=3, limit=49, how=Search(beam=5))(features)
    """

    def __init__(
        self, steps: Steps, *, start_id: int, end_id: int, limit: int, how: Search
    ) -> None:
        self._steps, self._ends, self._how, self._limit = steps, (start_id, end_id), how, limit
        self.length = getattr(steps, "length", None)

    def __call__(self, features: Arrays) -> list[list[Hypothesis]]:
        mask = np.asarray(features["padding_mask"])
        lengths = mask.sum(axis=1)
        order = np.argsort(lengths, kind="stable")  # like lengths together: little padding
        answers: list[Any] = [None] * len(order)
        batch = self._steps.rows or BATCH
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            longest = max(int(lengths[rows].max()), 1)
            columns = {name: np.asarray(v)[rows, :longest] for name, v in features.items()}
            for row, found in zip(rows, self._search(columns, lengths[rows]), strict=True):
                answers[row] = found
        return answers

    def _search(self, features: Arrays, lengths: np.ndarray) -> list[list[Hypothesis]]:
        states, context = self._steps.encode(features)
        mask = np.asarray(features["padding_mask"])
        start_id, end_id = self._ends
        wide = self.length or mask.shape[1]
        return search(
            self._step,
            states=states,
            context=context,
            limits=np.minimum(TIMES * lengths + MORE, self._limit),
            start_id=start_id,
            end_id=end_id,
            options=self._how,
            source_mask=np.pad(mask, ((0, 0), (0, wide - mask.shape[1]))),
        )

    def _step(self, token_ids: np.ndarray, states: Arrays, context: Arrays) -> Stepped:
        logits, states, attention = self._steps.step(token_ids, states, context)
        return Stepped(_log_softmax(logits), states, attention)


def of_model(config: RunConfig, task: Any, model: keras.Model, how: Search) -> Translator:
    """The translator of a Keras model; its steps are traced once."""
    from tfapps.runners.keras_steps import KerasSteps

    # Kept with the model, past Keras' own tracking, so that it goes when the model does.
    steps = model.__dict__.setdefault("_steps", {})
    if "keras" not in steps:
        kind = registry.plugin("model", config.model.name)
        steps["keras"] = KerasSteps(kind.encoder_of(model), kind.step_of(model))
    return around(steps["keras"], config, task, how)


def of_file(name: str, file: Path, config: RunConfig, task: Any, threads: int = 1) -> Translator:
    """The translator of an exported artefact.

    Raises:
        InputError: the file is damaged.
    """
    if name == "saved_model":
        from tfapps.runners.saved_steps import SavedSteps

        return around(SavedSteps(file), config, task, task.search())
    from tfapps.runners.litert_steps import LiteRTSteps

    return around(LiteRTSteps(file, threads), config, task, task.search())


def around(steps: Steps, config: RunConfig, task: Any, how: Search) -> Translator:
    """The translator of any steps of a run."""
    there = task.target_tokenizer
    return Translator(
        steps,
        start_id=there.start_id,
        end_id=there.end_id,
        limit=config.model.max_length - 1,
        how=how,
    )


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = np.asarray(logits, np.float32)
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
