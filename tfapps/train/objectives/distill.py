"""Distillation: a student learns its teachers' answers, and optionally their hidden states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import Field, field_validator

from tfapps.config.reads import Weights
from tfapps.train.objectives import base
from tfapps.train.unlabelled import Unlabelled, unlabelled


class Config(Unlabelled):
    """Learn from the answers of finished runs as well as the labels (Hinton et al. 2015).

    Attributes:
        teacher: folder of a run, or several, whose probabilities are averaged.
        weight: share of the teachers in the loss, the labels have the rest.
        temperature: what logits are divided by, so that small probabilities count as well.
        states: weight of the distance between hidden states, block by block, through a projection
            that is learned where the student is narrower (Jiao et al. 2020, "TinyBERT"); 0 is none.
        attention: weight of the divergence between attention maps, block by block; 0 is none.
        augment: copies of every training text with words hidden or cut off, for the teachers to
            label (Tang et al. 2019).
        unlabelled: a text file, a text a line, for the teachers to label.
    """

    name: str = "distill"
    teacher: tuple[Weights, ...] = Field(min_length=1)
    weight: float = Field(0.7, ge=0, le=1)
    temperature: float = Field(2.0, gt=0)
    states: float = Field(0.0, ge=0)
    attention: float = Field(0.0, ge=0)
    augment: int = Field(0, ge=0, le=100)

    @field_validator("teacher", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


def build(
    config: Config,
    loss: Callable[..., Any],
    *,
    task: Any,
    model: Any = None,
    teachers: Sequence[Any] = (),
    **_: Any,
) -> Callable[..., tuple[Any, Any]]:
    """Return (model, features, targets, training) -> (loss per example (b,), logits (b, ...)).

    Its `variables` are the projections that are trained with the model.

    Args:
        task: its `activation` says what logits mean.
        model: the student, for its form.
        teachers: functional models of the same inputs that run in every step; if there are none,
            the batch holds `told_logits`, the mean answer of all teachers.
    """
    from tfapps.train import blocks
    from tfapps.train.answers import TEACHER_LOGITS, answer_divergence, mean_answer

    by_block = blocks.Blocks(config, model, teachers) if follows_blocks(config) else None

    def objective(
        model: Any, features: dict[str, Any], targets: dict[str, Any], training: bool
    ) -> tuple[Any, Any]:
        if by_block is not None:
            logits, teacher_logits, further = by_block(features, training)
        else:
            logits, further = model(features, training=training), 0.0
            teacher_logits = [teacher(features, training=False) for teacher in teachers]
        reference = (
            targets[TEACHER_LOGITS]
            if TEACHER_LOGITS in targets
            else mean_answer(task, teacher_logits)
        )
        heat = config.temperature
        # Squared, or the gradients of hot answers would be small beside those of the labels.
        soft = answer_divergence(task, logits, reference, features, heat) * heat**2
        return (1 - config.weight) * loss(targets, logits) + config.weight * soft + further, logits

    objective.variables = by_block.variables if by_block is not None else []
    return objective


def teachers(config: Config) -> tuple[str, ...]:
    """Return the paths of the finished runs that are learned from."""
    return config.teacher


def follows_blocks(config: Config) -> bool:
    """Return whether states or attention of the teacher are learned from."""
    return bool(config.states or config.attention)


def augment(config: Config) -> int:
    """Return how many changed copies of each text are learned from."""
    return config.augment


class Objective(base.Objective):
    """What other packages ask of this file."""

    build = staticmethod(build)
    unlabelled = staticmethod(unlabelled)
    teachers = staticmethod(teachers)
    follows_blocks = staticmethod(follows_blocks)
    augment = staticmethod(augment)
