"""The mean loss along the way to the worst neighbour of each text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field

from tfapps.config.sections import Section
from tfapps.train.objectives import base


class Config(Section):
    """Every step of the adversary teaches (Zhu et al. 2020, "FreeLB").

    Attributes:
        epsilon: how far it may go, in shares of the size of the text's embeddings.
        steps: how many it takes, each with a loss of its own.
        step: length of one in shares of epsilon.
        start: how far from the text it starts, in a random direction, in shares of epsilon.
        norm: of the ball it stays in: `l2` or `max`.
    """

    name: str = "freelb"
    epsilon: float = Field(0.01, ge=0)
    steps: int = Field(2, ge=1, le=100)
    step: float = Field(0.5, gt=0)
    start: float = Field(0.5, ge=0, le=1)
    norm: Literal["l2", "max"] = "l2"


def build(
    config: Config, loss: Callable[..., Any], *, seed: int = 0, **_: Any
) -> Callable[..., tuple[Any, Any]]:
    """Return (model, features, targets, training) -> (loss per example (b,), logits (b, ...)).

    Args:
        seed: of the random starts.
    """
    from tfapps.graph.cut import Cut
    from tfapps.train.embedded import Ball, noise, with_slope

    cut = Cut()

    def objective(
        model: Any, features: dict[str, Any], targets: dict[str, Any], training: bool
    ) -> tuple[Any, Any]:
        embed, answer = cut(model)
        x = embed(features, training)
        ball = Ball(x, features, config.epsilon, config.norm)
        delta = ball.inside(config.start * ball.edge(noise(x, features, model, seed)))
        losses, answers = [], []

        def loss_at(x: Any) -> Any:
            answers.append(answer(x, features, training))
            return loss(targets, answers[-1])

        for _ in range(config.steps - 1):
            value, slope = with_slope(loss_at, ball.moved(delta))
            losses.append(value)
            delta = ball.along(delta, slope, config.step)
        losses.append(loss_at(ball.moved(delta)))
        return sum(losses) / len(losses), answers[0]

    return objective


class Objective(base.Objective):
    """What other packages ask of this file."""

    build = staticmethod(build)
