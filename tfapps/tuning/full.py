"""Full fine-tuning: every weight trains."""

from __future__ import annotations

from typing import Any

from tfapps.tuning import base


class Config(base.Config):
    """No settings."""

    name: str = "full"


def apply(config: Config, model: Any) -> Any:
    """Return the model unchanged."""
    return model


class Tuner(base.Tuner):
    """The hooks that other packages call."""

    apply = staticmethod(apply)
