"""R-Drop: the loss under two draws of dropout, and the divergence of the two answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field

from tfapps.config.sections import Section
from tfapps.train.objectives import base


class Config(Section):
    """Two passes through dropout have to agree (Liang et al. 2021, "R-Drop").

    Attributes:
        weight: of the distance between the two answers, both ways on average.
    """

    name: str = "r_drop"
    weight: float = Field(1.0, ge=0)


def build(
    config: Config, loss: Callable[..., Any], *, task: Any, **_: Any
) -> Callable[..., tuple[Any, Any]]:
    """Return (model, features, targets, training) -> (loss per example (b,), logits (b, ...)).

    Args:
        task: its `activation` says what logits mean.
    """
    from tfapps.train.answers import answer_divergence

    def objective(
        model: Any, features: dict[str, Any], targets: dict[str, Any], training: bool
    ) -> tuple[Any, Any]:
        one, other = (model(features, training=training) for _ in range(2))
        forward, back = (
            answer_divergence(task, one, other, features),
            answer_divergence(task, other, one, features),
        )
        mean = (loss(targets, one) + loss(targets, other)) / 2
        return mean + config.weight * (forward + back) / 2, one

    return objective


class Objective(base.Objective):
    """What other packages ask of this file."""

    build = staticmethod(build)
