"""Defaults of a section that depend on other sections."""

from __future__ import annotations

from types import ModuleType
from typing import Any

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
