"""The settings that all searches share."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tfapps.config.sections import Section


class Trials(Section):
    """Base of a search's Config.

    Attributes:
        space: dotted keys of the config, each with a list of choices or a range `{low, high}`,
            with `step` and `log` if wanted.
    """

    space: dict[Any, Any] = Field(min_length=1)
