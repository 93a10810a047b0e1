"""Runs a .tflite file of an encoder and a decoder's step with LiteRT alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.errors import Failure, InputError
from tfapps.runners import _features
from tfapps.runners.litert import interpreter

Arrays = Mapping[str, np.ndarray]
ENCODE, STEP, STEPS = "encode", "step", "steps"


class LiteRTSteps:
    """Signatures `encode` of a text, `step` of one answer, and `steps` of several at once.

    Raises:
        InputError: damaged file, or one without these signatures.
        Failure: an op refused its values.
    """

    rows = 1

    def __init__(self, path: str | os.PathLike, threads: int = 1) -> None:
        self.path = Path(path)
        made = interpreter(path, threads)
        there = made.get_signature_list()
        if not {ENCODE, STEP} <= there.keys():
            raise InputError(
                f"{path}: expected signatures {ENCODE} and {STEP}, got {sorted(there) or 'none'}; "
                "export the file with tfapps"
            )
        self._run = {name: made.get_signature_runner(name) for name in there}
        self._interpreter = made
        inputs = self._run[ENCODE].get_input_details()
        self.length = int(inputs["token_ids"]["shape"][1])
        self._states = self._run[STEP].get_output_details().keys() - {"logits", "attention"}
        self._wide = 1
        if STEPS in there:
            self._wide = int(self._run[STEPS].get_input_details()["token_ids"]["shape"][0])

    def encode(self, features: Arrays) -> tuple[Arrays, Arrays]:
        """Features (1, s) -> first states, and what all steps read."""
        # Fused LSTMs keep their state between calls; a text must not see the one before.
        self._interpreter.reset_all_variables()
        wanted = self._run[ENCODE].get_input_details()
        fitted = {name: _features.fit(features[name], self.length) for name in wanted}
        found = self._call(ENCODE, fitted)
        states = {name: found[name] for name in self._states}
        return states, {name: found[name] for name in found.keys() - self._states}

    def step(
        self, token_ids: np.ndarray, states: Arrays, context: Arrays
    ) -> tuple[np.ndarray, Arrays, np.ndarray | None]:
        """Last tokens (n,) -> logits (n, v), states, attention (n, s) if there is any."""
        given = {"token_ids": np.asarray(token_ids, np.int32), **states, **context}
        count = len(token_ids)
        wide = 1 if count == 1 else self._wide
        parts = [self._some(given, start, wide) for start in range(0, count, wide)]
        found = {name: np.concatenate([p[name] for p in parts])[:count] for name in parts[0]}
        states = {name: found[name] for name in self._states}
        return found["logits"], states, found.get("attention")

    def _some(self, given: Arrays, start: int, wide: int) -> dict[str, np.ndarray]:
        """The step of `wide` rows from `start` on; rows that are missing repeat the last."""
        name = STEP if wide == 1 else STEPS
        rows = np.minimum(np.arange(start, start + wide), len(given["token_ids"]) - 1)
        inputs = self._run[name].get_input_details()
        return self._call(name, {key: np.ascontiguousarray(given[key][rows]) for key in inputs})

    def _call(self, name: str, inputs: Arrays) -> dict[str, Any]:
        try:
            return self._run[name](**inputs)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise Failure(f"{self.path}: LiteRT stopped in the middle: {reason}") from error
