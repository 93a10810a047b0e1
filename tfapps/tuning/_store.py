"""The setting `store`, shared by tuners that train few weights."""

from __future__ import annotations

from typing import Literal

from tfapps.tuning import base


class Stored(base.Config):
    """Base of their Configs.

    Attributes:
        store: `weights` stores the whole model in the bundle, `delta` only the trained weights: a
            few hundred kilobytes, which need the preset to be opened as a Keras model.
    """

    store: Literal["weights", "delta"] = "weights"

    @property
    def keeps_delta(self) -> bool:
        """Return whether the bundle stores only the weights trained on top of a preset."""
        return self.store == "delta"
