"""Parquet files; a label may be a list of labels, and class numbers become class names."""

from __future__ import annotations

from typing import Annotated

from tfapps.config.sections import ADDED
from tfapps.data.sources import _examples, _options


class Config(_examples.Files):
    """Files, columns and labels of a Parquet data set."""

    source: str = "parquet"
    label_separator: Annotated[_options.Separator, ADDED] = None


class Source(_examples.FileSource):
    """What other packages ask of this file."""

    endings = ("parquet",)
