"""The task's own loss, nothing added."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tfapps.config.sections import Section
from tfapps.train.objectives import base


class Config(Section):
    """No settings."""

    name: str = "plain"


def build(config: Config, loss: Callable[..., Any], **_: Any) -> Callable[..., tuple[Any, Any]]:
    """Return (model, features, targets, training) -> (loss per example (b,), logits (b, ...)).

    `loss` is the task's: (targets, logits) -> (b,). Takes and ignores what other objectives need
    beyond it (the steps of the fit, say).
    """

    def objective(
        model: Any, features: dict[str, Any], targets: dict[str, Any], training: bool
    ) -> tuple[Any, Any]:
        logits = model(features, training=training)
        return loss(targets, logits), logits

    return objective


class Objective(base.Objective):
    """What other packages ask of this file."""

    build = staticmethod(build)
