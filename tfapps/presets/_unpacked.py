"""Unpacks published weights of other formats into Hugging Face model folders."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from tfapps.errors import InputError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
WORDS = "vocab.txt"
TOKENIZER = "tokenizer_config.json"
ONNX_PREFIX = "model.0.auto_model."  # of sentence-transformers: module 0 is the encoder


def cached(name: str, file: Path, unpack: Callable[[Path, Path], None]) -> Path:
    """Return the unpacked folder of a file, from the user's cache if it is there.

    Args:
        name: of the folder; it names the content of the file.
        unpack: `(file, folder)`: writes the folder.
    """
    place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfapps" / "presets"
    folder = place / name
    if folder.is_dir():
        return folder
    try:
        place.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=place))
    except OSError as error:
        raise InputError(
            f"{place}: {file.name} cannot be unpacked there: {error.strerror or error}; "
            "set XDG_CACHE_HOME to a folder that can be written"
        ) from error
    try:
        unpack(file, draft)
        if not folder.is_dir():  # another process may have been quicker
            draft.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def from_zip(file: Path, folder: Path) -> None:
    """Unpack a zip of a Hugging Face folder; the vocabulary is written from `tokenizer.json`."""
    with zipfile.ZipFile(file) as archive:
        for name in (CONFIG, WEIGHTS, TOKENIZER, "tokenizer.json"):
            with archive.open(name) as source, (folder / name).open("wb") as target:
                shutil.copyfileobj(source, target)
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    numbers = tokenizer["model"]["vocab"]
    words = sorted(numbers, key=numbers.__getitem__)
    (folder / WORDS).write_text("\n".join(words) + "\n", encoding="utf-8")


def from_onnx(file: Path, folder: Path, words: Path) -> None:
    """Write the weights of a BERT that sentence-transformers exported to ONNX.

    Biases, norms and embeddings keep their names there. Kernels lose them: each is known by the
    product that reads it, and is stored transposed.

    Args:
        words: vocabulary of the model, which the ONNX file lacks.

    Raises:
        InputError: the package `onnx` is not installed.
    """
    from safetensors.numpy import save_file

    try:
        import onnx
        from onnx import numpy_helper
    except ModuleNotFoundError:
        raise InputError(
            f"{file.name}: the package onnx reads it; run `pip install onnx`"
        ) from None

    graph = onnx.load(file).graph
    arrays = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    tensors = {
        name.removeprefix(ONNX_PREFIX): array
        for name, array in arrays.items()
        if name.startswith(ONNX_PREFIX)
    }
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in arrays:
            path = node.name.partition("/auto_model/")[2].removesuffix("/MatMul")
            tensors[f"{path.replace('/', '.')}.weight"] = arrays[node.input[1]].T.copy()
    save_file(tensors, folder / WEIGHTS)
    token, position = (
        tensors[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "position")
    )
    config = {
        "model_type": "bert",
        "vocab_size": len(token),
        "num_hidden_layers": sum(name.endswith("intermediate.dense.bias") for name in tensors),
        "hidden_size": token.shape[1],
        "num_attention_heads": 12,  # of every MiniLM; the weights do not tell
        "intermediate_size": len(tensors["encoder.layer.0.intermediate.dense.bias"]),
        "max_position_embeddings": len(position),
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (folder / TOKENIZER).write_text('{"do_lower_case": true}\n', encoding="utf-8")
    shutil.copyfile(words, folder / WORDS)
