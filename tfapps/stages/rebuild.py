"""The trained model of a bundle, built anew from code and its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfapps.assemble import assemble
from tfapps.bundle import Bundle
from tfapps.stages.prepare import Prepared

if TYPE_CHECKING:
    import keras


def rebuild(
    prepared: Prepared, bundle: Bundle, batch_size: int | None, length: int | None
) -> keras.Model:
    """Build in float32 with the given static shape, (b, t); None leaves an axis open."""
    import keras

    keras.config.set_dtype_policy("float32")
    return assemble(
        prepared.config,
        prepared.task,
        vocabulary_size=prepared.tokenizer.vocabulary_size,
        batch_size=batch_size,
        length=length,
        weights_file=bundle.weights,
    )
