"""What tuners of few weights have in common."""

from __future__ import annotations

from typing import Literal

from tfapps.tuning import base


class Stored(base.Config):
    """Base of their Configs.

    Attributes:
        store: `weights` keeps the whole model in the bundle, `delta` what was learned alone: a few
            hundred kilobytes that need the preset to be opened as a Keras model.
    """

    store: Literal["weights", "delta"] = "weights"

    @property
    def keeps_delta(self) -> bool:
        """Whether the bundle holds only what was learned beside a preset."""
        return self.store == "delta"
