"""BitFit: trains biases only."""

from __future__ import annotations

from typing import Any

from tfapps.errors import InputError
from tfapps.tuning import base
from tfapps.tuning._only import freeze_except, is_new
from tfapps.tuning._store import Stored

BIASES = ("bias", "beta")


class Config(Stored):
    """No settings besides `store` (Ben Zaken et al. 2022, "BitFit")."""

    name: str = "bitfit"


def apply(config: Config, model: Any) -> Any:
    """Freeze all but biases (also those of normalisations), the heads and new layers.

    Raises: InputError if the model has no bias outside the heads.
    """
    biases = {w.path for w in model.trainable_variables if w.path.rsplit("/", 1)[-1] in BIASES}
    if all(map(is_new(model), biases)):
        raise InputError("bitfit: the model has no biases to train; use another tuning.name")
    return freeze_except(model, lambda path: path in biases)


class Tuner(base.Tuner):
    """The hooks that other packages call."""

    learning_rate = 2e-3
    apply = staticmethod(apply)
