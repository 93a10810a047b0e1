"""Runs a .tflite file of an encoder and a decoder's step with LiteRT alone."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from tfapps.errors import InputError
from tfapps.features import padding
from tfapps.runners._interpreter import Sessions, features_of

Arrays = Mapping[str, np.ndarray]
ENCODE, STEP, STEPS = "encode", "step", "steps"


class LiteRTSteps:
    """Signatures `encode` of a text, `step` of one answer, and `steps` of several at once.

    Any number of threads may call it at a time: each has an interpreter of a pool, see `Sessions`.
    All that a step depends on is handed to it, so any of them will do.

    Raises:
        InputError: damaged file, or one without these signatures.
        Failure: an op refused its values.
    """

    rows = 1

    def __init__(self, path: str | os.PathLike, threads: int = 1) -> None:
        self._sessions = Sessions(path, threads)
        signatures = self._sessions.inputs
        if not {ENCODE, STEP} <= signatures.keys():
            raise InputError(
                f"{path}: expected signatures {ENCODE} and {STEP}, got "
                f"{sorted(signatures) or 'none'}; export the file with tfapps"
            )
        self._features = features_of(signatures[ENCODE])
        self.length = int(signatures[ENCODE]["token_ids"]["shape"][1])
        self._states = self._sessions.outputs[STEP].keys() - {"logits", "attention"}
        self._wide = 1
        if STEPS in signatures:
            self._wide = int(signatures[STEPS]["token_ids"]["shape"][0])

    def encode(self, features: Arrays) -> tuple[Arrays, Arrays]:
        """Features (1, s) -> first states, and what all steps read."""
        fitted = padding.pad(self._features, features, full=True)
        with self._sessions.borrowed() as session:
            session.reset()
            found = session.call(ENCODE, fitted)
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
        inputs = {
            key: np.ascontiguousarray(given[key][rows]) for key in self._sessions.inputs[name]
        }
        with self._sessions.borrowed() as session:
            return session.call(name, inputs)
