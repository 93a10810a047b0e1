"""Published presets without a network: cached downloads, or a clear error."""

from __future__ import annotations

from pathlib import Path

from tfapps.errors import InputError
from tfapps.presets import network

HUGGING_FACE = "hf://"


def cached(name: str) -> Path | None:
    """Return the cached folder of a Hugging Face preset if the hub does not answer.

    Returns:
        None if it can be downloaded: the hub answers, or the preset is not from Hugging Face.

    Raises:
        InputError: the hub does not answer, and the preset is not cached.
    """
    if not name.startswith(HUGGING_FACE):
        return None
    import huggingface_hub
    from huggingface_hub import constants

    host = network.unreachable([constants.ENDPOINT])
    if host is None:
        return None
    repository = name.removeprefix(HUGGING_FACE)
    file = huggingface_hub.try_to_load_from_cache(repository, "config.json")
    if not isinstance(file, str):
        raise unreachable(name, host)
    return Path(file).parent


def unreachable(name: str, host: str) -> InputError:
    """Return the error for a preset whose hub does not answer."""
    return InputError(
        f"preset {name!r}: {host} cannot be reached to download it; give a local folder with its "
        "files (from a machine with a network), or minilm_l6 (from PyPI)"
    )


def is_network(error: BaseException | None) -> bool:
    """Return whether a download failed because the host did not answer."""
    while error is not None:
        if type(error).__name__ in ("ConnectionError", "ConnectTimeout", "NameResolutionError"):
            return True
        error = error.__cause__ or error.__context__
    return False
