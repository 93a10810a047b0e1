"""Tags that a file finds by itself, where its graph holds the search for the best path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SIGNATURE, STARTS = "tag", "word_starts"


def tags(
    name: str, file: Path, features: Mapping[str, np.ndarray], windows: Sequence[Mapping[str, Any]]
) -> list[np.ndarray] | None:
    """Number of the tag of each word that a window answers for, (words,) a window.

    None of an artefact that leaves the search to its client.

    Args:
        name: the artefact, `litert_float32` say.
        features: of the windows, (b, t).
    """
    from tfapps.runners import litert
    from tfapps.runners.saved_model import SavedModelRunner, signatures

    if name == "keras" or SIGNATURE not in (
        litert.signatures(file) if name.startswith("litert_") else signatures(file)
    ):
        return None
    kind = litert.LiteRTRunner if name.startswith("litert_") else SavedModelRunner
    starts = np.zeros(np.shape(features["token_ids"]), np.int32)
    for row, window in enumerate(windows):
        starts[row, window["places"]] = 1
    runner = kind(file, outputs=("tags",), signature=SIGNATURE)
    found = runner({**features, STARTS: starts})
    return [row[window["places"]] for row, window in zip(found, windows, strict=True)]
