"""An encoder and a decoder's step, whatever runs them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfapps.backends.base import Arrays, Backend, Signature
from tfapps.features import padding
from tfapps.features.feature import Feature
from tfapps.forms.base import fitted

ENCODE, STEP = "encode", "step"
STEPS = "steps"  # the step of several prefixes at once, of a file whose shapes are static


class Steps:
    """Signatures `encode` of texts and `step` of prefixes; `steps` if the backend has it.

    Args:
        features: that the encoder reads.

    Attributes:
        rows: texts that are encoded at once; None is any number.
    """

    def __init__(self, backend: Backend, features: Sequence[Feature]) -> None:
        self._backend = backend
        self._features = fitted(features, backend.signatures[ENCODE])
        self.rows = backend.signatures[ENCODE].rows
        self._states = backend.signatures[STEP].outputs.keys() - {"logits", "attention"}

    def encode(self, features: Arrays) -> tuple[Arrays, Arrays]:
        """Map features (b, s) to the first states, and to what all steps read, {name: (b, ...)}."""
        outputs = self._backend.call(ENCODE, padding.pad(self._features, features, full=True))
        states = {name: outputs[name] for name in self._states}
        return states, {name: outputs[name] for name in outputs.keys() - self._states}

    def step(
        self, token_ids: np.ndarray, states: Arrays, context: Arrays
    ) -> tuple[np.ndarray, Arrays, np.ndarray | None]:
        """Map last tokens (n,) to logits (n, v), states, and attention (n, s) if there is any."""
        inputs = {"token_ids": np.asarray(token_ids, np.int32), **states, **context}
        signatures, count = self._backend.signatures, len(token_ids)
        name = STEPS if count > 1 and STEPS in signatures else STEP
        parts = [self._backend.call(name, part) for part in _parts(inputs, signatures[name], count)]
        outputs = {key: np.concatenate([p[key] for p in parts])[:count] for key in parts[0]}
        states = {key: outputs[key] for key in self._states}
        return outputs["logits"], states, outputs.get("attention")


def _parts(inputs: Arrays, stated: Signature, count: int) -> list[Arrays]:
    """Return as many rows at a time as a signature takes; rows that are missing repeat the last."""
    inputs = {name: inputs[name] for name in stated.inputs}
    if stated.rows is None:
        return [inputs]
    starts = range(0, count, stated.rows)
    chosen = [np.minimum(np.arange(start, start + stated.rows), count - 1) for start in starts]
    return [{name: array[rows] for name, array in inputs.items()} for rows in chosen]
