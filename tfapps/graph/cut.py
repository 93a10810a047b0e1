"""Splits a model after its word embeddings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tfapps.errors import InputError


class Parts(NamedTuple):
    """features -> embeddings (b, t, d), and (embeddings, features) -> outputs."""

    embed: Callable[[dict[str, Any], bool], Any]
    answer: Callable[[Any, dict[str, Any], bool], Any]


class Cut:
    """Splits the model it is called with, once, on the same layers and weights.

    Raises: InputError if no layer of the model embeds its `token_ids`.
    """

    def __init__(self) -> None:
        self._of: Any = None
        self._parts: Parts | None = None

    def __call__(self, model: Any) -> Parts:
        if self._of is not model:
            self._of, self._parts = model, _parts(model)
        return self._parts


def _parts(model: Any) -> Parts:
    import keras
    from keras import ops

    if not hasattr(model, "operations"):
        raise InputError(
            "objective: an adversary needs the whole model, and distill_layers shows it a part; "
            "leave one of them out"
        )
    x, output = _marked(model, embedded(model))
    front = keras.Model(model.input, x)
    # The ids stay an input: a head may look up a place by its id, as that of `prompt` does.
    names = tuple(model.input)
    remainder = keras.Model([x, *model.input.values()], output)

    def answer(x: Any, features: dict[str, Any], training: bool) -> Any:
        inputs = [ops.convert_to_tensor(features[name]) for name in names]
        return remainder([x, *inputs], training=training)

    return Parts(lambda features, training: front(features, training=training), answer)


def _marked(model: Any, x: Any) -> tuple[Any, Any]:
    """Return the embeddings `x` after a new identity layer, and the model's output from there.

    A layer that gives them may be called again by the head, as that of `masked_lm` calls the table
    to compare words with; Keras cuts a graph at layers, so it would cut both calls.
    """
    import keras

    marker = keras.layers.Identity(name="cut")
    layer, place = x._keras_history.operation, []

    def call(called: Any, *args: Any, **kwargs: Any) -> Any:
        out = called(*args, **kwargs)
        if called is layer and not place:
            out = marker(out)
            place.append(out)
        return out

    # A model that was fitted has an optimizer, which Keras would try to copy.
    compiled, model.compiled = model.compiled, False
    try:
        rebuilt = keras.models.clone_model(
            model, clone_function=lambda same: same, call_function=call, input_tensors=model.input
        )
    finally:
        model.compiled = compiled
    return place[0], rebuilt.output


def embedded(model: Any) -> Any:
    """Return the output of the first layer that embeds `token_ids`: symbolic, (b, t, d).

    Raises: InputError if no layer does.
    """
    ids = model.input["token_ids"]
    for operation in model.operations:
        for node in operation._inbound_nodes:
            if any(tensor is ids for tensor in node.input_tensors):
                output = node.outputs[0]
                if output.dtype.startswith(("float", "bfloat")):
                    return output
    raise InputError("objective: no layer of the model embeds token_ids; use objective: plain")
