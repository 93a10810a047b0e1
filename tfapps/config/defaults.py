"""Defaults of a section that depend on other sections."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from tfapps import registry
from tfapps.config.sections import TrainConfig


def training(
    train: TrainConfig | None,
    model: Any,
    model_module: ModuleType | None,
    tuner_module: ModuleType | None,
) -> TrainConfig | None:
    """Return `train:` with a learning rate: as stated, else of the tuner, else of the model.

    Args:
        train: the section; None is a reported problem, as it is of the others.
        model: the section `model:`.
    """
    if not (train and model and model_module and tuner_module):
        return train
    if "learning_rate" in train.model_fields_set:
        return train
    rate = tuner_module.Tuner.learning_rate or model_module.Model.learning_rate(model)
    return train.model_copy(update={"learning_rate": rate})


def export(task_module: ModuleType | None, compress: Sequence[Any]) -> list[str]:
    """Return the artefacts of a config without `export:`.

    They are those of the task, or the integer file where training learned the ranges it needs.

    Args:
        task_module: None is a reported problem.
        compress: sections, None for a reported problem.
    """
    if task_module is None:
        return []
    task = task_module.Task
    form, known = registry.plugin("form", task.form), registry.artifacts()
    items = [item for item in compress if item is not None]
    ranges = any(registry.plugin("compressor", item.name).trains_ranges(item) for item in items)
    exported = ("litert_int8",) if ranges and task.exported else task.exported
    return [
        name
        for name in exported
        if name in known and not form.conflicts(task_module.__name__, [name], items)
    ]
