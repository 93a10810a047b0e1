"""The finished trials of a search, in a file that is rewritten after each of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfapps.bundle.bundle import read_json, write_json


class Trials:
    """`trials.json` of a search.

    Each trial is a mapping of `trial` (its name), `values` by dotted key, `headline` and `metric`,
    `epochs`, `seconds` and `failed`, a reason or None.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / "trials.json"
        self.all: list[dict[str, Any]] = read_json(self.file) if self.file.exists() else []

    def find(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a trial with the same values: with one seed it would end the same again."""
        key = json.dumps(values, sort_keys=True)
        same = (row for row in self.all if json.dumps(row["values"], sort_keys=True) == key)
        return next(same, None)

    def add(self, row: dict[str, Any]) -> None:
        """Write down one more trial."""
        self.all.append(row)
        write_json(self.file, self.all)

    def best(self) -> list[dict[str, Any]]:
        """Return the trials that did not fail, best first, the earlier first among equals."""
        ended = [row for row in self.all if row["failed"] is None]
        return sorted(ended, key=lambda row: (-row["metric"], int(row["trial"])))
