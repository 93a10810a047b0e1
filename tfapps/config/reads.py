"""Marks of config fields that name files or runs: their content is part of a run's fingerprint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal


@dataclass(frozen=True)
class Reads:
    """What a field names.

    Attributes:
        kind: `data`, a file under data.root; `shared`, one under $TFAPPS_DATA; `weights`, a
            finished run or a folder of weights. All are looked up in the current folder too.
    """

    kind: Literal["data", "shared", "weights"]


DataFile = Annotated[str, Reads("data")]
SharedFile = Annotated[str, Reads("shared")]
Weights = Annotated[str, Reads("weights")]
