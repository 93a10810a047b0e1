"""Config + task + vocabulary -> the Keras model: the one place where parts are joined."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfapps import registry
from tfapps.assembly import tuned
from tfapps.bundle.bundle import ARCHITECTURE, DELTA
from tfapps.errors import InputError
from tfapps.graph import heads, weights

if TYPE_CHECKING:
    import keras

    from tfapps.bundle.bundle import Bundle
    from tfapps.config.sections import RunConfig
    from tfapps.features.feature import Feature

SIZES = ("vocabulary_size", "target_vocabulary_size")


def assemble(
    config: RunConfig,
    task: Any,
    *,
    vocabulary_size: int,
    batch_size: int | None = None,
    length: int | None = None,
    compression: Mapping[str, Any] | None = None,
    architecture: Mapping[str, Any] | None = None,
    weights_file: Path | None = None,
) -> keras.Model:
    """Build the run's model, with trained weights if a file is given.

    Training, evaluation and export all build through here, so a weight has one path everywhere.

    Args:
        batch_size: fixed first axis (b) of the inputs; None leaves it open.
        length: fixed second axis (t) of the inputs; None leaves it open.
        compression: what the compress stage noted: the vocabulary size it started from, and a plan
            for each item of `compress:`. Without it the model is built uncompressed.
        architecture: the model's sizes, see `architecture`; without them a preset is asked.
        weights_file: weights of a bundle: all, or only the changes to a preset.

    Returns:
        Functional model from a dictionary of int32 inputs (b, t) to the task's logits.
    """
    compression = compression or {}
    stated = {name: value for name, value in (architecture or {}).items() if name not in SIZES}
    encoder = registry.plugin("model", config.model.name).build(
        config.model,
        **_sizes(task, compression.get("vocabulary_size", vocabulary_size), architecture or {}),
        **({"architecture": stated} if stated else {}),
        batch_size=batch_size,
        length=length,
    )
    model = heads.mark(task.attach(encoder), task.heads)
    tuner = registry.plugin("tuner", config.tuning.name)
    model = tuner.build(config.tuning, model)
    for item, plan in zip(config.compress, compression.get("plans", ()), strict=False):
        model = registry.plugin("compressor", item.name).build(item, model, plan)
    if weights_file is not None and weights_file.name == DELTA:
        return tuned.load(config, model, weights_file)
    if weights_file is not None:
        weights.load(model, weights_file)
    return model


def features(config: RunConfig, task: Any) -> tuple[Feature, ...]:
    """Return all inputs of the assembled model: those of its encoder, and those of its heads."""
    return (*registry.features(config.model), *task.features)


def form_of(model: keras.Model, config: RunConfig, task: Any) -> Any:
    """Return the task's form around a Keras model: called with features, it answers."""
    kind = registry.plugin("model", config.model.name)
    form = registry.plugin("form", task.form)
    return form.of_model(model, kind, features(config, task), task)


def architecture(config: RunConfig, task: Any, vocabulary_size: int) -> dict[str, Any]:
    """Return the sizes of a run's model that its config does not state.

    They are kept in the bundle, which is then opened without the preset.
    """
    kind = registry.plugin("model", config.model.name)
    stated = kind.architecture(config.model, vocabulary_size)
    return stated | _sizes(task, vocabulary_size, {})


def _sizes(task: Any, vocabulary_size: int, stated: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes of vocabularies, as stated by the bundle or by its tokenizers."""
    own = (vocabulary_size, task.target_vocabulary_size)
    sizes = {n: stated.get(n, size) for n, size in zip(SIZES, own, strict=True) if size is not None}
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise InputError(
                f"{ARCHITECTURE}: {name}: got {size!r}, expected the pieces of a vocabulary; train "
                "the run again"
            )
    return sizes


def of_bundle(
    bundle: Bundle,
    config: RunConfig,
    task: Any,
    tokenizer: Any,
    *,
    batch_size: int | None = None,
    length: int | None = None,
) -> keras.Model:
    """Build the Keras model of a bundle, compressed if the bundle is.

    Args:
        batch_size, length: as for `assemble`.
    """
    return assemble(
        config,
        task,
        vocabulary_size=tokenizer.vocabulary_size,
        batch_size=batch_size,
        length=length,
        compression=bundle.compression,
        architecture=bundle.architecture,
        weights_file=bundle.weights,
    )
