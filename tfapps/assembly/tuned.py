"""A model in the form its tuner trains, and its trained changes as a file."""

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
    """Return the assembled model with the preset's weights, as the tuner trains it."""
    kind = registry.plugin("model", config.model.name)
    kind.load_pretrained(config.model, model, tokenizer)
    return registry.plugin("tuner", config.tuning.name).apply(config.tuning, model)


def stored(config: RunConfig) -> RunConfig:
    """Return the config of the form that `save` writes; the tuner may need more in training."""
    tuner = registry.plugin("tuner", config.tuning.name)
    tuning = tuner.stored(config.tuning)
    return config.model_copy(update={"tuning": tuning})


def merged(config: RunConfig, model: keras.Model) -> keras.Model:
    """Return the model as it is assembled later: without parts that only training needed."""
    tuner = registry.plugin("tuner", config.tuning.name)
    return tuner.merge(config.tuning, model)


def save(config: RunConfig, tuned: keras.Model, model: keras.Model, path: Path) -> None:
    """Write the trained changes of `tuned`; `model` is the merged model."""
    notes = {PRESET: identity.of_weights(config.model.preset)}
    storage = stored(config).tuning
    if storage != config.tuning:
        tuned = registry.plugin("tuner", storage.name).apply(storage, clone(model))
    weights.save(tuned, path, _learned(model), notes)


def load(config: RunConfig, model: keras.Model, path: Path) -> keras.Model:
    """Load the preset's weights into an assembled model and merge what `save` wrote.

    Raises: InputError if the preset is a run that was retrained since then.
    """
    check(config, path)
    config = stored(config)
    tuned = pretrained(config, clone(model))
    weights.load(tuned, path, _learned(model))
    carry(merged(config, tuned), model)  # which nothing is frozen in
    return model


def check(config: RunConfig, path: Path) -> None:
    """Check that the file of `save` was trained from the preset's current weights.

    Raises: InputError if it was not, or the preset is missing.
    """
    noted = weights.notes(path).get(PRESET)  # empty where an older version did not look inside
    current = identity.of_weights(config.model.preset)
    if noted and not current:
        raise InputError(
            f"{path}: it holds only the changes to {config.model.preset}, which is "
            "missing; put it back, or train the run with tuning.store: weights"
        )
    if noted != "" and noted != current:
        raise InputError(
            f"{path}: it was trained from other weights than {config.model.preset} "
            "has now; train it again"
        )


def _learned(model: keras.Model) -> Callable[[keras.Variable], bool]:
    model_paths = {weight.path for weight in model.weights}
    return lambda weight: weight.trainable or weight.path not in model_paths
