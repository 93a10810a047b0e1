"""What tuners of few weights have in common."""

from __future__ import annotations

from typing import Literal

from tfapps.config.sections import Section


class Stored(Section):
    """Base of their Configs.

    Attributes:
        store: `weights` keeps the whole model in the bundle, `delta` what was learned alone: a few
            hundred kilobytes that need the preset to be opened as a Keras model.
    """

    store: Literal["weights", "delta"] = "weights"
