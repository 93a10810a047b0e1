"""The precision that models are built in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Build layers in a precision of Keras, `mixed_bfloat16` say; afterwards as before.

    The precision is a state of the process: left behind, it would be that of the next model too.
    """
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
