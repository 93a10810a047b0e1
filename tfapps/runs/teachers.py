"""Finished runs whose answers another one learns from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapps import registry
from tfapps.bundle.bundle import Bundle
from tfapps.config import load as configs
from tfapps.errors import InputError
from tfapps.features.arrays import as_list, map_arrays
from tfapps.features.padding import pad
from tfapps.presets import offline
from tfapps.runs.prepared import Prepared
from tfapps.text.questions import examples_of, reads_pairs

if TYPE_CHECKING:
    import keras


def answers(prepared: Prepared, teachers: Sequence[str], texts: Sequence[Any]) -> np.ndarray:
    """Return the logits (rows, c) of the teachers' mean probabilities, classes as the student's.

    Each teacher reads the texts with a tokenizer of its own: a student may be of any kind.

    Raises: InputError for a teacher of another task, or with other labels.
    """
    from tfapps.train.answers import mean_answer

    teacher_logits = []
    for path in teachers:
        task = _task(prepared, path)
        print(f"{path} answers {len(texts)} texts", flush=True)
        (logits,) = as_list(_outputs(Bundle.open(Path(path).expanduser()), texts))
        teacher_logits.append(logits[:, _order(prepared, task, path)])
    return np.asarray(mean_answer(prepared.task, teacher_logits), np.float32)


def models(prepared: Prepared, teachers: Sequence[str]) -> list[keras.Model]:
    """Return the teachers as models of the student's own inputs, to be asked in every step.

    Raises: InputError for a teacher of another task, or one that reads other ids.
    """
    from tfapps.assembly.assemble import of_bundle
    from tfapps.text.tokenizer import Tokenizer

    loaded = []
    for path in teachers:
        bundle, task = Bundle.open(path), _task(prepared, path)
        run = configs.load(bundle.config_path)
        tokenizer = Tokenizer.load(bundle.text)
        _check_same(prepared, run, tokenizer, task, path)
        with offline.bundle(bundle.path):
            model = of_bundle(bundle, run, task, tokenizer)
        model.trainable = False
        loaded.append(model)
    return loaded


def _outputs(bundle: Bundle, texts: Sequence[Any]) -> Any:
    """Return the outputs of a run's Keras model on texts, or those of its members together."""
    from tfapps.assembly.assemble import form_of, of_bundle
    from tfapps.text.tokenizer import Tokenizer

    run = configs.load(bundle.config_path)
    task = registry.load("task", run.task.name).Task.load(run.task, bundle.text)
    if bundle.members:
        answers = [np.asarray(_outputs(Bundle.open(path), texts)) for path in bundle.members]
        kind = registry.plugin("ensemble", run.ensemble.name)
        learned = bundle.ensemble.get("learned", {})
        return kind.combine(run.ensemble, answers, learned, task.activation)
    tokenizer, length = Tokenizer.load(bundle.text), run.model.max_length
    with offline.bundle(bundle.path):
        form = form_of(of_bundle(bundle, run, task, tokenizer), run, task)
    blank = {"token_ids": tokenizer.unknown_id}  # a row without a token has no mean
    rows, parts = examples_of(texts, reads_pairs(run)), []
    for start in range(0, len(rows), task.rows_at_once):
        columns, _ = task.encode(rows[start : start + task.rows_at_once], tokenizer, length)
        parts.append(form(pad(form.features, columns, blank=blank)))
    return map_arrays(lambda *arrays: np.concatenate(arrays), *parts)


def _task(prepared: Prepared, path: str) -> Any:
    bundle = Bundle.open(Path(path).expanduser())
    run = configs.load(bundle.config_path)
    if run.task.name != prepared.config.task.name:
        raise InputError(
            f"objective.teacher: {path} does {run.task.name}, but this config is for "
            f"{prepared.config.task.name}; give a run of the same task"
        )
    return registry.load("task", run.task.name).Task.load(run.task, bundle.text)


def _order(prepared: Prepared, task: Any, path: str) -> list[int]:
    """Return the index of each of the student's labels among the teacher's."""
    missing = sorted(set(prepared.task.labels) - set(task.labels))
    if missing:
        raise InputError(
            f"objective.teacher: {path} does not know the label {missing[0]!r}; it was trained on "
            "other data"
        )
    return [task.labels.index(label) for label in prepared.task.labels]


def _check_same(prepared: Prepared, run: Any, tokenizer: Any, task: Any, path: str) -> None:
    """Check that the student's ids mean the same to the teacher."""
    own = prepared.tokenizer
    if tokenizer.content() != own.content() or tokenizer.surface != own.surface:
        raise InputError(
            f"objective.teacher: {path} reads texts with another tokenizer; for "
            f"{run.task.name}, or with objective.states or attention, teacher and student need one "
            "tokenizer: give both the same preset"
        )
    if run.model.max_length < prepared.config.model.max_length:
        raise InputError(
            f"objective.teacher: {path} reads {run.model.max_length} tokens, the student "
            f"{prepared.config.model.max_length}; lower model.max_length"
        )
    if list(task.labels) != list(prepared.task.labels):
        raise InputError(f"objective.teacher: {path} has other labels, or in another order")
