"""Random search: every trial is drawn by itself."""

from __future__ import annotations

from pydantic import Field

from tfapps.search import base
from tfapps.search._search import Trials


class Config(Trials):
    """Independent draws (Bergstra & Bengio 2012, "Random Search").

    Attributes:
        trials: how many.
    """

    name: str = "random"
    trials: int = Field(20, ge=1, le=100_000)


class Search(base.Search):
    """What other packages ask of this file."""
