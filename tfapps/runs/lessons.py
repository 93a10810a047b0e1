"""What a fit learns from: the labelled rows, texts without labels, and the answers of teachers."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfapps import registry
from tfapps.data import encoding, unlabelled
from tfapps.errors import InputError
from tfapps.features.columns import Encoded, Ragged
from tfapps.runs import leaks
from tfapps.runs import teachers as ask
from tfapps.runs.prepared import Prepared, cache_folder
from tfapps.text.questions import texts_of


@dataclass(frozen=True)
class Lessons:
    """The training rows as the objective of the config wants them.

    Attributes:
        origin: the labelled rows.
        prepared: the same with texts without labels behind them.
        extra: target columns beside the task's.
        labelled: share of the rows that have labels.
        teachers: paths of runs to ask in every step.
    """

    origin: Prepared
    prepared: Prepared
    extra: dict[str, np.ndarray] = field(default_factory=dict)
    labelled: float = 1.0
    teachers: tuple[str, ...] = ()

    def batches(self, replicas: int, **more: Any) -> Any:
        """Return the shuffled batches of the fit."""
        extra = {**self.extra, **more.pop("extra", {})}
        return self.prepared.training_batches(replicas, extra=extra, **more)


def lessons(prepared: Prepared) -> Lessons:
    """Return what the fit of a config learns from; teachers are asked here where once is enough.

    Raises: InputError for texts or teachers that do not fit the task.
    """
    from tfapps.train.answers import TEACHER_LOGITS
    from tfapps.train.unlabelled import LABELLED

    leaks.refuse(prepared)
    origin, objective = prepared, prepared.config.objective
    kind = registry.plugin("objective", objective.name)
    texts = unlabelled.texts(prepared.config)
    if texts:
        _only_texts(prepared, "objective.unlabelled")
    copies = kind.augment(objective)
    if copies:
        from tfapps.data.augment import masked_copies

        _only_texts(prepared, "objective.augment")
        rows = texts_of(prepared.examples["train"])
        texts += masked_copies(rows + texts, copies, prepared.config.seed)
    extra, labelled = {}, 1.0
    if texts:
        count = len(prepared.encoded["train"])
        print(f"{count} rows with labels, {len(texts)} without")
        prepared, labelled = _beside(prepared, texts), count / (count + len(texts))
        extra[LABELLED] = np.repeat(np.array([1, 0], np.int32), [count, len(texts)])
    teachers = kind.teachers(objective)
    if teachers and prepared.task.comparable and not kind.follows_blocks(objective):
        all_texts = [*texts_of(origin.examples["train"]), *texts]
        extra[TEACHER_LOGITS] = ask.answers(prepared, teachers, all_texts)
        teachers = ()
    return Lessons(origin, prepared, extra, labelled, tuple(teachers))


def _only_texts(prepared: Prepared, key: str) -> None:
    comparable, name = prepared.task.comparable, prepared.config.task.name
    if not comparable or "text_pair" in prepared.examples["train"][0]:
        pairs = " of pairs" if comparable else ""
        raise InputError(
            f"{key}: texts without labels serve the classification of single texts, not "
            f"{name}{pairs}; leave it out"
        )


def _beside(prepared: Prepared, texts: list[str]) -> Prepared:
    """Return the training rows with `texts`, under an arbitrary label, appended."""
    train = prepared.encoded["train"]
    rows = [{"text": text} for text in texts]
    length = prepared.config.model.max_length
    more = encoding.encode(rows, prepared.task, prepared.tokenizer, length, cache_folder())
    label = train.columns["label"]
    blank = np.zeros((len(texts), *label.shape[1:]), label.dtype)
    columns = {
        name: _joined(column, blank if name == "label" else more.columns[name])
        for name, column in train.columns.items()
    }
    joined = Encoded(columns, train.truncated + more.truncated)
    return dataclasses.replace(prepared, encoded={**prepared.encoded, "train": joined})


def _joined(one: Any, other: Any) -> Any:
    if not isinstance(one, Ragged):
        return np.concatenate([one, other])
    offsets = np.concatenate([one.offsets, one.offsets[-1] + other.offsets[1:]])
    return Ragged(np.concatenate([one.values, other.values]), offsets)
