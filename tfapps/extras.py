"""The extras of the package: which modules each installs, and the error for one that is missing."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator

from tfapps.errors import InputError

# Extra -> the modules that tfapps imports from it; its packages are in pyproject.toml.
MODULES = {
    "train": (
        *("tensorflow", "keras", "tensorflow_model_optimization", "litert_quantizer"),
        *("flatbuffers", "matplotlib", "sacrebleu", "safetensors", "scipy", "seqeval"),
        *("sklearn", "tensorboard", "tqdm"),
    ),
    "text": (
        *("huggingface_hub", "keras_hub", "onnx", "pyarrow", "tensorflow_datasets", "zstandard"),
    ),
    "search": ("optuna",),
    "beam": ("apache_beam",),
}


def installed(module: str) -> bool:
    """Return whether a module can be imported, without importing it."""
    return importlib.util.find_spec(module) is not None


def install_command(module: str) -> str | None:
    """Return the command that installs the extra of a module; None if it is in no extra.

    Example: `install_command("keras.ops")` -> `pip install "tfapps[train]"`.
    """
    top = module.partition(".")[0]
    for extra, modules in MODULES.items():
        if top in modules:
            return f'pip install "tfapps[{extra}]"'
    return None


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn a missing module of an extra into bad input that names the command to install it.

    Raises:
        InputError: the block imports a module of an extra that is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        command = install_command(error.name or "")
        if command is None:
            raise
        module = str(error.name).partition(".")[0]
        raise InputError(f"this needs {module}, which is not installed; run: {command}") from error
