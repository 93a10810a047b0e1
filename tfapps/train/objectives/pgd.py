"""The loss of each text and of its worst neighbour, found in several steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field

from tfapps.config import Section


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
    epsilon: float = Field(0.1, ge=0)
    steps: int = Field(3, ge=1, le=100)
    step: float = Field(0.5, gt=0)
    norm: Literal["l2", "max"] = "l2"
    weight: float = Field(1.0, ge=0)


def build(config: Config, loss: Callable[..., Any], **_: Any) -> Callable[..., tuple[Any, Any]]:
    """(model, features, targets, training) -> (loss per example (b,), logits (b, ...))."""
    import tensorflow as tf

    from tfapps.train.objectives import _embedded

    cut = _embedded.Cut()

    def objective(
        model: Any, features: dict[str, Any], targets: dict[str, Any], training: bool
    ) -> tuple[Any, Any]:
        embed, answer = cut(model)
        x = embed(features, training)

        def loss_at(x: Any) -> Any:
            return loss(targets, answer(x, features, training))

        real = _embedded.real_tokens(features)
        radius = config.epsilon * _embedded.size(x, config.norm, real)
        delta = _embedded.climb(
            loss_at,
            x,
            tf.zeros_like(x, tf.float32),
            steps=config.steps,
            step=config.step * radius,
            radius=radius,
            norm=config.norm,
            real=real,
        )
        logits = answer(x, features, training)
        worst = loss_at(x + tf.cast(delta, x.dtype))
        mean = (loss(targets, logits) + config.weight * worst) / (1.0 + config.weight)
        return mean, logits

    return objective
