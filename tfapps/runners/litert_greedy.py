"""Runs a .tflite file of a whole greedy translator with LiteRT alone."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from tfapps.errors import InputError
from tfapps.features import padding
from tfapps.runners._interpreter import Session, Sessions, features_of

Arrays = Mapping[str, np.ndarray]
TRANSLATE = "translate"


class LiteRTGreedy:
    """Features (b, s) -> target_ids (b, limit), length (b,), log_prob (b,), attention, row by row.

    Any number of threads may call it at a time: each has an interpreter of a pool, see `Sessions`.

    Raises:
        InputError: damaged file; one of other signatures; missing or badly shaped inputs.
        Failure: an op refused the values of a row.
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1) -> None:
        self._sessions = Sessions(path, threads)
        names = sorted(self._sessions.inputs)
        if names != [TRANSLATE]:
            raise InputError(
                f"{path}: expected the signature {TRANSLATE} alone, got {names or 'none'}; "
                "export the file with tfapps"
            )
        self._inputs = self._sessions.inputs[TRANSLATE]
        self._features = features_of(self._inputs)
        self.length = int(self._inputs["token_ids"]["shape"][1])

    def __call__(self, features: Arrays) -> dict[str, np.ndarray]:
        rows = padding.check(features, self._features)
        fitted = padding.pad(self._features, features, full=True)
        with self._sessions.borrowed() as session:
            parts = [
                _row(session, {k: v[i : i + 1] for k, v in fitted.items()}) for i in range(rows)
            ]
        empty = {
            name: np.zeros((0, *detail["shape"][1:]), detail["dtype"])
            for name, detail in self._sessions.outputs[TRANSLATE].items()
        }
        return {
            name: np.concatenate([empty[name], *(part[name] for part in parts)]) for name in empty
        }


def _row(session: Session, row: Arrays) -> dict[str, np.ndarray]:
    session.reset()
    return session.call(TRANSLATE, row)
