"""The inputs of a functional model, from the features that it reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tfapps.features.feature import Feature

if TYPE_CHECKING:
    import keras


def tensors(
    features: Iterable[Feature], batch_size: int | None = None, length: int | None = None
) -> dict[str, keras.KerasTensor]:
    """Return an input (b, ...) for each feature, by name.

    Args:
        batch_size, length: of a graph of static shapes; None leaves an axis open.
    """
    import keras

    return {
        feature.name: keras.Input(
            (length, *feature.shape[1:]) if feature.ragged else feature.shape,
            batch_size=batch_size,
            dtype=feature.dtype,
            name=feature.name,
        )
        for feature in features
    }
