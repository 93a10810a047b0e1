"""Published weights that KerasHub downloads."""

from __future__ import annotations

from pathlib import Path

from tfapps import registry
from tfapps.errors import InputError
from tfapps.presets import _hub, offline
from tfapps.presets.packages import MINILM, PRESETS

EXPECTED = (
    f"expected {', '.join(PRESETS)}, a local folder, a KerasHub preset such as "
    "bert_tiny_en_uncased, or hf://owner/model"
)


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
