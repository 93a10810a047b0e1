"""Settings that limit the number of training rows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tfapps.config.sections import Section

Count = Annotated[int, Field(ge=1)]


class First(Section):
    """The first rows as they stand in the file, whatever their labels."""

    first: Count


# Of train only, for quick trials: so many rows drawn by the seed, every label in its share.
Limit = Count | First | None
