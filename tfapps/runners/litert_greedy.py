"""Runs a .tflite file of a whole greedy translator with LiteRT alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tfapps.errors import Failure, InputError
from tfapps.runners import _features
from tfapps.runners.litert import interpreter

Arrays = Mapping[str, np.ndarray]
TRANSLATE = "translate"


class LiteRTGreedy:
    """Features (b, s) -> target_ids (b, limit), length (b,), log_prob (b,), attention, row by row.

    Raises:
        InputError: damaged file; one of other signatures; missing or badly shaped inputs.
        Failure: an op refused the values of a row.
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1) -> None:
        self.path = Path(path)
        self._interpreter = interpreter(path, threads)
        there = sorted(self._interpreter.get_signature_list())
        if there != [TRANSLATE]:
            raise InputError(
                f"{path}: expected the signature {TRANSLATE} alone, got {there or 'none'}; "
                "export the file with tfapps"
            )
        self._run = self._interpreter.get_signature_runner(TRANSLATE)
        self._inputs = self._run.get_input_details()
        self.length = int(self._inputs["token_ids"]["shape"][1])

    def __call__(self, features: Arrays) -> dict[str, np.ndarray]:
        rows = _features.check(features, self._inputs)
        fitted = {name: _features.fit(features[name], self.length) for name in self._inputs}
        found = [self._row({k: v[i : i + 1] for k, v in fitted.items()}) for i in range(rows)]
        empty = {
            name: np.zeros((0, *detail["shape"][1:]), detail["dtype"])
            for name, detail in self._run.get_output_details().items()
        }
        return {name: np.concatenate([empty[name], *(f[name] for f in found)]) for name in empty}

    def _row(self, row: Arrays) -> dict[str, np.ndarray]:
        # Fused LSTMs keep their state between calls; a text must not see the one before.
        self._interpreter.reset_all_variables()
        try:
            return self._run(**row)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise Failure(f"{self.path}: LiteRT stopped in the middle: {reason}") from error
