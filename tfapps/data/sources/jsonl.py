"""Files of one JSON object a line, or of one list of objects; a label may be a list of labels."""

from __future__ import annotations

from typing import Annotated

from tfapps.config.sections import ADDED
from tfapps.data.sources import _examples, _options


class Config(_examples.TextFiles):
    """Files, columns and labels of a jsonl data set."""

    source: str = "jsonl"
    label_separator: Annotated[_options.Separator, ADDED] = None


class Source(_examples.FileSource):
    """What other packages ask of this file."""

    endings = ("jsonl", "json", "ndjson")
