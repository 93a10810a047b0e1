"""The loss of each text and of its worst neighbour, found in several steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field

from tfapps.config.sections import Section
from tfapps.train.objectives import base


class Config(Section):
    """Some steps of the adversary on the embeddings of a text (Madry et al. 2018).

    Attributes:
        epsilon: how far it may go, in shares of the size of the text's embeddings.
        steps: how many it takes.
        step: length of one in shares of epsilon.
        norm: of the ball it stays in: `l2` or `max`.
        weight: of the neighbour's loss, that of the text being 1.
    """

    name: str = "pgd"
    epsilon: float = Field(0.01, ge=0)
    steps: int = Field(3, ge=1, le=100)
    step: float = Field(0.5, gt=0)
    norm: Literal["l2", "max"] = "l2"
    weight: float = Field(1.0, ge=0)


def build(config: Config, loss: Callable[..., Any], **_: Any) -> Callable[..., tuple[Any, Any]]:
    """Return (model, features, targets, training) -> (loss per example (b,), logits (b, ...))."""
    from tfapps.graph.cut import Cut
    from tfapps.train.embedded import Ball, with_slope

    cut = Cut()

    def objective(
        model: Any, features: dict[str, Any], targets: dict[str, Any], training: bool
    ) -> tuple[Any, Any]:
        embed, answer = cut(model)
        x = embed(features, training)
        answers = []

        def loss_at(x: Any) -> Any:
            answers.append(answer(x, features, training))
            return loss(targets, answers[-1])

        ball = Ball(x, features, config.epsilon, config.norm)
        own, slope = with_slope(loss_at, x)
        delta = ball.inside(config.step * ball.edge(slope))
        delta = ball.climb(loss_at, config.steps - 1, config.step, delta)
        worst = loss_at(ball.moved(delta))
        return (own + config.weight * worst) / (1.0 + config.weight), answers[0]

    return objective


class Objective(base.Objective):
    """What other packages ask of this file."""

    build = staticmethod(build)
