"""Pre-trained BERT weights by tfapps weight paths, from Hugging Face files or a KerasHub model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfapps.errors import InputError
from tfapps.presets import presets

if TYPE_CHECKING:
    import keras

Arrays = dict[str, np.ndarray]


def read(preset: str) -> Arrays:
    """Return the weights of a preset by the paths of `models/bert.py`.

    A Hugging Face folder is read directly, because importing KerasHub takes seconds; anything else
    goes through `BertBackbone.from_preset`.
    """
    folder = presets.locate(preset)
    if presets.folder_format(folder) == presets.RUN:
        return from_run(preset)
    if (
        presets.folder_format(folder) == presets.HUGGING_FACE
        and (folder / "model.safetensors").is_file()
    ):
        return from_huggingface(folder)
    import keras_hub

    source = str(folder) if Path(preset).expanduser().is_dir() else preset
    return from_kerashub(keras_hub.models.BertBackbone.from_preset(source))


def evenly(count: int, available: int) -> list[int]:
    """Return `count` of the available block numbers, at equal distances, including the last.

    Example: `evenly(2, 6)` is `[2, 5]`.
    """
    return [(place + 1) * available // count - 1 for place in range(count)]


def shortened(arrays: Arrays, count: int) -> Arrays:
    """Return `count` of the blocks, renumbered, and all weights outside blocks."""
    blocks = {int(path.split("_")[1]) for path in arrays if path.startswith("block_")}
    number = {f"block_{old}": f"block_{new}" for new, old in enumerate(evenly(count, len(blocks)))}
    selected = {}
    for path, array in arrays.items():
        block = "_".join(path.split("_")[:2])
        if not path.startswith("block_"):
            selected[path] = array
        elif block in number:
            selected[number[block] + path.removeprefix(block)] = array
    return selected


def from_run(preset: str) -> Arrays:
    """Return the encoder's weights of a finished run, whatever its task."""
    ours = ("embeddings/", "embeddings_norm/", "block_")
    arrays = presets.run_weights(preset)
    return {path: array for path, array in arrays.items() if path.startswith(ours)}


def from_huggingface(folder: Path) -> Arrays:
    """Read `model.safetensors`; kernels are transposed, query, key and value are joined.

    Raises:
        InputError: the file is not safetensors, or lacks a tensor.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / "model.safetensors"
    try:
        tensors = {key.removeprefix("bert."): value for key, value in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot read {path}: {error}") from None

    def get(key: str) -> np.ndarray:
        older = key.replace("LayerNorm.weight", "LayerNorm.gamma")
        older = older.replace("LayerNorm.bias", "LayerNorm.beta")
        for candidate in (key, older):
            if candidate in tensors:
                return tensors[candidate].astype("float32")
        raise InputError(f"{path}: tensor {key} is missing")

    return _from_huggingface(get, presets.bert_shape(folder).layers)


def _from_huggingface(get: Callable[[str], np.ndarray], layers: int) -> Arrays:
    arrays = {
        "embeddings/token": get("embeddings.word_embeddings.weight"),
        "embeddings/position": get("embeddings.position_embeddings.weight"),
        "embeddings/segment": get("embeddings.token_type_embeddings.weight"),
        "embeddings_norm/gamma": get("embeddings.LayerNorm.weight"),
        "embeddings_norm/beta": get("embeddings.LayerNorm.bias"),
    }
    for index in range(layers):
        theirs, ours = f"encoder.layer.{index}", f"block_{index}"
        parts = [f"{theirs}.attention.self.{part}" for part in ("query", "key", "value")]
        arrays[f"{ours}_attention/qkv/kernel"] = np.concatenate(
            [get(f"{part}.weight").T for part in parts], axis=1
        )
        arrays[f"{ours}_attention/qkv/bias"] = np.concatenate(
            [get(f"{part}.bias") for part in parts]
        )
        for source, target in (
            ("attention.output.dense", "attention/output"),
            ("intermediate.dense", "intermediate"),
            ("output.dense", "output"),
        ):
            arrays[f"{ours}_{target}/kernel"] = get(f"{theirs}.{source}.weight").T
            arrays[f"{ours}_{target}/bias"] = get(f"{theirs}.{source}.bias")
        for part in ("attention", "output"):
            source = "attention.output" if part == "attention" else "output"
            arrays[f"{ours}_{part}_norm/gamma"] = get(f"{theirs}.{source}.LayerNorm.weight")
            arrays[f"{ours}_{part}_norm/beta"] = get(f"{theirs}.{source}.LayerNorm.bias")
    return arrays


def from_kerashub(backbone: keras.Model) -> Arrays:
    """Return the weights of a `keras_hub.models.BertBackbone`, matched by layer names."""
    source_weights = {
        weight.path: np.asarray(weight, dtype="float32") for weight in backbone.weights
    }

    def get(end: str) -> np.ndarray:
        matches = [
            value for path, value in source_weights.items() if f"/{path}".endswith(f"/{end}")
        ]
        if len(matches) != 1:
            raise InputError(f"KerasHub backbone: {len(matches)} weights are called {end}, not one")
        return matches[0]

    arrays = {
        "embeddings/token": get("token_embedding/embeddings"),
        "embeddings/position": get("position_embedding/embeddings"),
        "embeddings/segment": get("segment_embedding/embeddings"),
        "embeddings_norm/gamma": get("embeddings_layer_norm/gamma"),
        "embeddings_norm/beta": get("embeddings_layer_norm/beta"),
    }
    width = arrays["embeddings/token"].shape[1]
    for index in range(backbone.num_layers):
        block, ours = f"transformer_layer_{index}", f"block_{index}"
        attention = f"{block}/self_attention_layer"
        qkv = [f"{attention}/{part}" for part in ("query", "key", "value")]
        arrays[f"{ours}_attention/qkv/kernel"] = np.concatenate(
            [get(f"{part}/kernel").reshape(width, -1) for part in qkv], axis=1
        )
        arrays[f"{ours}_attention/qkv/bias"] = np.concatenate(
            [get(f"{part}/bias").reshape(-1) for part in qkv]
        )
        output = f"{attention}/attention_output"
        arrays[f"{ours}_attention/output/kernel"] = get(f"{output}/kernel").reshape(-1, width)
        arrays[f"{ours}_attention/output/bias"] = get(f"{output}/bias")
        for source, target in (
            ("feedforward_intermediate_dense", "intermediate"),
            ("feedforward_output_dense", "output"),
        ):
            arrays[f"{ours}_{target}/kernel"] = get(f"{block}/{source}/kernel")
            arrays[f"{ours}_{target}/bias"] = get(f"{block}/{source}/bias")
        for source, target in (
            ("self_attention_layer_norm", "attention_norm"),
            ("feedforward_layer_norm", "output_norm"),
        ):
            arrays[f"{ours}_{target}/gamma"] = get(f"{block}/{source}/gamma")
            arrays[f"{ours}_{target}/beta"] = get(f"{block}/{source}/beta")
    return arrays


def assign(model: keras.Model, arrays: Mapping[str, np.ndarray], preset: str) -> None:
    """Set every weight of `arrays` in `model`; weights the preset lacks (adapters) stay.

    Raises:
        InputError: the model lacks a weight, or it has another shape.
    """
    variables = {weight.path: weight for weight in model.weights}
    for path, array in arrays.items():
        if path not in variables:
            raise InputError(f"preset {preset}: the model has no weight {path}")
        expected = tuple(variables[path].shape)
        if array.shape != expected:
            raise InputError(
                f"preset {preset}: {path} has shape {array.shape}, expected {expected}"
            )
    for path, array in arrays.items():
        variables[path].assign(array)
