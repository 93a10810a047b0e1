"""Marks of config fields that change no trained weight: a run with another value is not retrained.

A field without a mark counts: another value of it trains another model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class Untrained:
    """What a field decides instead.

    Attributes:
        answers: how outputs become answers, so that the metrics of a run depend on it: a finished
            run with another value is evaluated again. Its weights stay those of the epoch that was
            best under the earlier value.
    """

    answers: bool = False


ANSWERS = Untrained(answers=True)
LOGGED = Untrained()  # how training is reported and saved, or what later stages do


def mark(field: FieldInfo) -> Untrained | None:
    """Return the mark of a field; None where it counts."""
    return next((item for item in field.metadata if isinstance(item, Untrained)), None)


def answers(section: BaseModel, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and the value of each field of a config that decides its answers."""
    for key, field in type(section).model_fields.items():
        value, effect = getattr(section, key), mark(field)
        if effect is not None and effect.answers:
            yield path + key, value
        elif effect is None and isinstance(value, BaseModel):
            yield from answers(value, f"{path}{key}.")


def reset(section: BaseModel, deep: bool = True) -> Any:
    """Return a config with every marked field at its default.

    Args:
        deep: also the fields of its sections.
    """
    update: dict[str, Any] = {}
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        if mark(field) is not None:
            update[key] = "" if field.is_required() else field.get_default()
        elif deep and isinstance(value, BaseModel):
            update[key] = reset(value)
    return section.model_copy(update=update)
