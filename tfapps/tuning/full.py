"""Full fine-tuning: every weight trains."""

from __future__ import annotations

from typing import Any

from tfapps.tuning import base


class Config(base.Config):
    """No settings."""

    name: str = "full"


def apply(config: Config, model: Any) -> Any:
    """The model as it is."""
    return model


class Tuner(base.Tuner):
    """What other packages ask of this file."""

    apply = staticmethod(apply)
