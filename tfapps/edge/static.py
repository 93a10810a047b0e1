"""The form of a model that files are made of: a batch of 1, no open axis, named outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tfapps.errors import InputError

# Names that Keras makes up, numbered by what else the process has built.
MADE_UP = re.compile(r"(keras_tensor|input_layer)(_\d+)?")


def input_names(model: Any) -> list[str]:
    """Return the names of the inputs in the model's order; one without a name is `input_0`, say."""
    structure = model._inputs_struct if hasattr(model, "_inputs_struct") else model.inputs
    if isinstance(structure, dict):
        names = {id(tensor): name for name, tensor in structure.items()}
        return [names[id(tensor)] for tensor in model.inputs]
    return [
        f"input_{i}" if MADE_UP.fullmatch(tensor.name) else tensor.name
        for i, tensor in enumerate(model.inputs)
    ]


def named_outputs(output: Any) -> dict[str, Any]:
    """Return a model's outputs by name: the keys of a dictionary, else `output_0`, `output_1`."""
    import keras

    if isinstance(output, dict):
        return {str(name): value for name, value in output.items()}
    return {f"output_{i}": value for i, value in enumerate(keras.tree.flatten(output))}


def packed(model: Any, by_name: Mapping[str, Any]) -> Any:
    """Return inputs in the structure that the model was built with."""
    import keras

    flat = [by_name[name] for name in input_names(model)]
    if not hasattr(model, "_inputs_struct"):  # Sequential
        return flat[0]
    return keras.tree.pack_sequence_as(model._inputs_struct, flat)


def static(model: Any, shapes: Mapping[str, Sequence[int]]) -> Any:
    """Return a copy with weights of its own, {input name: tensor} -> {output name: tensor}.

    Args:
        shapes: of one row of each input.

    Raises:
        InputError: a layer cannot be copied.
    """
    import keras

    inputs = {
        name: keras.Input(batch_shape=(1, *shapes[name]), dtype=tensor.dtype, name=name)
        for name, tensor in zip(input_names(model), model.inputs, strict=True)
    }
    return keras.Model(inputs, named_outputs(copied(model)(packed(model, inputs))))


def copied(model: Any) -> Any:
    """Return the same model with layers and weights of its own, nested models included."""
    import keras

    def copy(layer: Any) -> Any:
        try:
            return layer.__class__.from_config(layer.get_config())
        except Exception as error:
            reason = str(error).strip().splitlines()
            raise InputError(
                f"{layer.name} ({type(layer).__name__}) cannot be copied: "
                f"{reason[-1] if reason else type(error).__name__}; give the layer a get_config "
                "that returns its arguments, as saving it needs too"
            ) from error

    # A model that was fitted has an optimizer, which Keras would try to copy.
    compiled, model.compiled = model.compiled, False
    try:
        result = keras.models.clone_model(model, clone_function=copy, recursive=True)
    finally:
        model.compiled = compiled
    result.set_weights(model.get_weights())
    return result


def shapes_of(model: Any, length: int | None) -> dict[str, tuple[int, ...]]:
    """Return the shape of a row of each input.

    Args:
        length: what open axes become.

    Raises:
        InputError: an axis is open and there is no `length`.
    """
    shapes = {}
    for name, tensor in zip(input_names(model), model.inputs, strict=True):
        _, *shape = tensor.shape
        if None in shape and length is None:
            raise InputError(
                f"export_litert: input {name} has an open axis, {tuple(tensor.shape)}, but the "
                "shapes of a LiteRT file are static; give length=64, say, which all open axes get"
            )
        shapes[name] = tuple(length if size is None else int(size) for size in shape)
    return shapes
