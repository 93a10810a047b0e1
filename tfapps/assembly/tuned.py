"""A model in the form its tuner trains, and what it learned in that form as a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfapps import registry
from tfapps.bundle import identity
from tfapps.errors import InputError
from tfapps.graph import weights
from tfapps.graph.clone import carry, clone

if TYPE_CHECKING:
    import keras

    from tfapps.config.sections import RunConfig

PRESET = "preset"


def pretrained(config: RunConfig, model: keras.Model, tokenizer: Any = None) -> keras.Model:
    """The assembled model with the preset's weights, as the tuner trains it."""
    kind = registry.plugin("model", config.model.name)
    kind.load_pretrained(config.model, model, tokenizer)
    return registry.plugin("tuner", config.tuning.name).apply(config.tuning, model)


def stored(config: RunConfig) -> RunConfig:
    """The config of the form that `save` writes, where the tuner needs more while it trains."""
    tuner = registry.plugin("tuner", config.tuning.name)
    tuning = tuner.stored(config.tuning)
    return config.model_copy(update={"tuning": tuning})


def merged(config: RunConfig, model: keras.Model) -> keras.Model:
    """The model as it is assembled again: without what only its training needed."""
    tuner = registry.plugin("tuner", config.tuning.name)
    return tuner.merge(config.tuning, model)


def save(config: RunConfig, tuned: keras.Model, model: keras.Model, path: Path) -> None:
    """Write what `tuned` learned, `model` being what it was merged to."""
    notes = {PRESET: identity.of_weights(config.model.preset)}
    kept = stored(config).tuning
    if kept != config.tuning:
        tuned = registry.plugin("tuner", kept.name).apply(kept, clone(model))
    weights.save(tuned, path, _learned(model), notes)


def load(config: RunConfig, model: keras.Model, path: Path) -> keras.Model:
    """The preset's weights in an assembled model, with what `save` wrote merged into them.

    Raises: InputError if the preset is a run that was trained anew since then.
    """
    check(config, path)
    config = stored(config)
    tuned = pretrained(config, clone(model))
    weights.load(tuned, path, _learned(model))
    carry(merged(config, tuned), model)  # which nothing is frozen in
    return model


def check(config: RunConfig, path: Path) -> None:
    """See that what `save` wrote was learned beside the preset as it is now.

    Raises: InputError if it was not, or the preset is missing.
    """
    noted = weights.notes(path).get(PRESET)  # empty where an older version did not look inside
    current = identity.of_weights(config.model.preset)
    if noted and not current:
        raise InputError(
            f"{path}: it holds only what was learned beside {config.model.preset}, which is "
            "missing; put it back, or train the run with tuning.store: weights"
        )
    if noted != "" and noted != current:
        raise InputError(
            f"{path}: what it holds was learned beside other weights than {config.model.preset} "
            "has now; train it again"
        )


def _learned(model: keras.Model) -> Callable[[keras.Variable], bool]:
    there = {weight.path for weight in model.weights}
    return lambda weight: weight.trainable or weight.path not in there
