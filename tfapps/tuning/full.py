"""Full fine-tuning: every weight trains."""

from __future__ import annotations

from typing import Any

from tfapps.config.sections import Section


class Config(Section):
    """No settings."""

    name: str = "full"


def apply(config: Config, model: Any) -> Any:
    """The model as it is."""
    return model
