"""The loss of each text, and how much its answer changes in the worst direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field

from tfapps.train.objectives import base
from tfapps.train.unlabelled import Unlabelled, unlabelled


class Config(Unlabelled):
    """Penalizes changes of the answer around a text, so that texts without labels teach as well.

    Source: Miyato et al. 2018, "Virtual Adversarial Training".

    Attributes:
        epsilon: length of the step in shares of the size of the text's embeddings.
        probe: length, in the same shares, of the step that finds the worst direction.
        steps: of power iteration towards that direction.
        weight: of the change of the answer, the loss of the task being 1.
        unlabelled: a text file, a text a line, that is learned from as well.
    """

    name: str = "vat"
    epsilon: float = Field(0.01, ge=0)
    probe: float = Field(0.01, gt=0)
    steps: int = Field(1, ge=1, le=100)
    weight: float = Field(1.0, ge=0)


def build(
    config: Config, loss: Callable[..., Any], *, task: Any, seed: int = 0, **_: Any
) -> Callable[..., tuple[Any, Any]]:
    """Return (model, features, targets, training) -> (loss per example (b,), logits (b, ...)).

    Args:
        task: its `activation` says what logits mean.
        seed: of the random directions.
    """
    import tensorflow as tf

    from tfapps.features.arrays import map_arrays
    from tfapps.graph.cut import Cut
    from tfapps.train.answers import answer_divergence
    from tfapps.train.embedded import Ball, gradient, noise

    cut = Cut()

    def objective(
        model: Any, features: dict[str, Any], targets: dict[str, Any], training: bool
    ) -> tuple[Any, Any]:
        embed, answer = cut(model)
        x = embed(features, training)
        logits = answer(x, features, training)
        reference = map_arrays(tf.stop_gradient, logits)
        ball = Ball(x, features, 1.0, "l2")  # of the size of the text: both steps are shares of it

        def change_at(x: Any) -> Any:
            return answer_divergence(task, answer(x, features, training), reference, features)

        direction = ball.edge(noise(x, features, model, seed))
        for _ in range(config.steps):
            direction = ball.edge(gradient(change_at, ball.moved(config.probe * direction)))
        change = change_at(ball.moved(tf.stop_gradient(config.epsilon * direction)))
        return loss(targets, logits) + config.weight * change, logits

    return objective


class Objective(base.Objective):
    """What other packages ask of this file."""

    build = staticmethod(build)
    unlabelled = staticmethod(unlabelled)
