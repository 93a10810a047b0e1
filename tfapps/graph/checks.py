"""What a model of a user has to be."""

from __future__ import annotations

from typing import Any

from tfapps.errors import InputError


def checked(model: Any, name: str) -> Any:
    """Return a built functional or Sequential model of Keras 3.

    Args:
        name: of the function that was called, for the message.

    Raises:
        InputError: it is something else.
    """
    import keras
    from keras.src.models.functional import Functional

    kind = f"{type(model).__module__.partition('.')[0]}.{type(model).__name__}"
    if not isinstance(model, keras.Model):
        raise InputError(
            f"{name}: got {kind}, expected a functional or Sequential model of Keras 3; a model of "
            "tf_keras (Keras 2) has to be built again with `import keras`"
        )
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"{name}: Keras runs on {keras.backend.backend()}, expected tensorflow; import tfapps "
            "before keras, or set KERAS_BACKEND=tensorflow"
        )
    graph = model._functional if isinstance(model, keras.Sequential) else model
    if not model.built or graph is None:
        raise InputError(
            f"{name}: the model has no weights yet; begin it with keras.Input, or fit it first"
        )
    if not isinstance(model, Functional | keras.Sequential):
        raise InputError(
            f"{name}: got {kind}, a subclassed model, expected a functional or Sequential one; "
            "its layers are not known: write keras.Model(inputs, outputs)"
        )
    return model
