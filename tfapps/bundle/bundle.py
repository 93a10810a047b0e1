"""The run directory: all that serving reads from training, replaced atomically."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import math
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from tfapps import registry
from tfapps.bundle import artefacts, replace
from tfapps.bundle import manifest as manifests
from tfapps.bundle.manifest import MANIFEST
from tfapps.errors import InputError

COMPRESSION = "compression.json"
ARCHITECTURE = "architecture.json"
ORIGIN = "origin.json"
WEIGHTS = "weights.safetensors"
DELTA = "delta.safetensors"
METRICS, PROOF = "metrics.json", "verify.json"
ENSEMBLE, MEMBERS = "ensemble.json", "members"
UNHASHED = ("logs", "state")  # they grow while a run is on
PACKAGES = ("ai-edge-litert", "keras", "keras-hub", "tensorflow", "tfapps", "tokenizers")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


class Bundle:
    """A finished run on disk, possibly untrusted: only files in its manifest are read.

    Each is hashed when it is first used.

    Example: `Bundle.open("saved_models/intents").artifact("litert_int8")`.
    """

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest
        self.files = manifests.Files(path, manifest["files"])

    @classmethod
    def open(cls, path: str | Path) -> Bundle:
        """Open a bundle, after reading its manifest alone.

        Raises: InputError for a folder that is no run, or a damaged manifest.
        """
        path = Path(path)
        replace.restore(path)
        if not path.is_dir():
            raise InputError(_no_bundle(path))
        if not (path / MANIFEST).is_file():
            raise InputError(f"{path}: no {MANIFEST}, so this is not a finished run; run it again")
        return cls(path, manifests.check(path, read_json(manifests.plain(path, MANIFEST))))

    def verify(self) -> Bundle:
        """Hash every file that the manifest lists, and return this bundle.

        Raises: InputError naming the file that is missing, truncated or changed.
        """
        self.files.verify()
        return self

    def file(self, name: str) -> Path:
        """Return the path of a file that the manifest lists, hashed.

        Raises: InputError if the manifest lists no such file, or it is damaged or a link.
        """
        return self.files.path(name)

    def content(self, artifact: str) -> manifests.Content | None:
        """Read the file of an artefact, hashed; None for one that is no single `.tflite` file.

        Raises: InputError listing the available artefacts, or naming a damaged file.
        """
        name = artefacts.full_name(artifact, self.artifacts(), self.path)
        if not name.startswith(artefacts.PREFIX):
            return None
        return self.files.content(artefacts.file_of(name))

    def _figures(self, name: str) -> dict[str, Any]:
        figures = read_json(self.file(name)) if name in self.manifest["files"] else {}
        if not isinstance(figures, dict):
            raise InputError(f"{self.path / name}: expected a mapping; run it again")
        return figures

    @property
    def config_path(self) -> Path:
        """Return the run's config, with every default written out."""
        return self.file("config.yaml")

    @property
    def text(self) -> Path:
        """Return the tokenizer's folder."""
        return self.files.folder("text")

    @property
    def weights(self) -> Path:
        """Return the Keras weights as safetensors: all, or only the changes to a preset."""
        return self.file(DELTA if DELTA in self.manifest["files"] else WEIGHTS)

    @property
    def members(self) -> list[Path]:
        """Return the runs of an ensemble that answer together, in order; empty for a single run."""
        if ENSEMBLE not in self.manifest["files"]:
            return []
        count = self.ensemble.get("members")
        if not isinstance(count, int) or count < 1:
            raise InputError(
                f"{self.path / ENSEMBLE}: members: got {count!r}, expected a number; run it again"
            )
        names = (f"{MEMBERS}/{number}/{MANIFEST}" for number in range(count))
        return [self.file(name).parent for name in names]

    @property
    def ensemble(self) -> dict[str, Any]:
        """Return how the members of an ensemble answer together; empty for a single run."""
        return self._figures(ENSEMBLE)

    @property
    def metrics(self) -> dict[str, Any]:
        """Return the content of metrics.json, empty before the first measurement."""
        return self._figures(METRICS)

    @property
    def proof(self) -> dict[str, Any]:
        """Return the content of verify.json, empty before the first verification."""
        return self._figures(PROOF)

    @property
    def architecture(self) -> dict[str, Any]:
        """Return the sizes of the model that its config does not state; empty in older versions."""
        return self._figures(ARCHITECTURE)

    @property
    def origin(self) -> dict[str, Any]:
        """Return the hashes of the files and runs it was trained from; empty if there are none."""
        return self._figures(ORIGIN)

    @property
    def compression(self) -> dict[str, Any]:
        """Return how `assembly.assemble` rebuilds the compressed model; empty if uncompressed."""
        return self._figures(COMPRESSION)

    def artifact(self, name: str) -> Path:
        """Return the file or folder of an artefact, hashed; its name may lack `litert_`.

        Raises: InputError listing the available artefacts.
        """
        name = artefacts.full_name(name, self.artifacts(), self.path)
        if name == "keras":
            return self.weights
        if name == "saved_model":
            return self.files.folder(name)
        return self.file(artefacts.file_of(name))

    def artifacts(self) -> list[str]:
        """Return what can be run: `keras`, `saved_model`, then each `litert_*` of the manifest."""
        if self.members:
            each = [Bundle.open(path).artifacts() for path in self.members]
            return [name for name in each[0] if all(name in artifacts for artifacts in each)]
        names = set()
        for name in self.manifest["files"]:
            file = PurePosixPath(name)
            if name in (WEIGHTS, DELTA):
                names.add("keras")
            elif file.parts[0] == "saved_model" and len(file.parts) > 1:
                names.add("saved_model")
            elif len(file.parts) == 2 and file.parts[0] == "litert" and file.suffix == ".tflite":
                names.add(f"litert_{file.stem}")
        return sorted(names, key=lambda name: (name != "keras", name != "saved_model", name))


@dataclass
class Draft:
    """A bundle being written: put files under `path`, note each stage done in `stages`."""

    path: Path
    stages: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def writing(path: str | Path, *, base: Bundle | None = None) -> Iterator[Draft]:
    """Write a bundle next to `path` and swap it in at the end: a crash leaves the old one or none.

    The draft starts with hashed copies of base's files; copies, because a stage that wrote into a
    hard link would change the old bundle as well.
    Raises: InputError if the folder cannot be written or another process is writing it.
    Example: `with writing("saved_models/intents") as draft: save(model, draft.path / name)`.
    """
    path = Path(path)
    if ".." in path.parts or not _NAME.fullmatch(path.name):
        raise InputError(
            f"cannot write {path}: expected a name of letters, digits, '_' and '-' in a folder"
        )

    def fill(folder: Path) -> None:
        if base is not None:
            _copy(base, folder)

    with replace.replacing(path, _is_ours, fill) as (folder, commit):
        draft = Draft(folder, dict(base.manifest.get("stages", {})) if base else {})
        yield draft
        commit(lambda: write_json(folder / MANIFEST, _listed(draft)))


def write_json(path: str | Path, obj: Any) -> None:
    """Write sorted, standard JSON in one step; NaN and infinity, which JSON lacks, become null."""
    path = Path(path)
    text = json.dumps(_plain(obj), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.write_text(text + "\n", encoding="utf-8")
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def read_json(path: str | Path) -> Any:
    """Read JSON.

    Raises: InputError if the file is missing, truncated or not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON, changed or truncated: {error}") from error


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy, which this package does not import
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _is_ours(entries: set[str]) -> bool:
    return bool(entries & {MANIFEST, "config.yaml"}) or entries <= set(UNHASHED)


def _copy(base: Bundle, folder: Path) -> None:
    base.files.copy(folder)
    if (base.path / "logs").is_dir():
        shutil.copytree(base.path / "logs", folder / "logs", ignore=_links, dirs_exist_ok=True)


def _links(folder: str, names: list[str]) -> list[str]:
    # They may lead out of the run: logs are in no manifest.
    return [name for name in names if os.path.islink(os.path.join(folder, name))]


def _listed(draft: Draft) -> dict[str, Any]:
    files = {}
    for file in draft.path.rglob("*"):
        name = file.relative_to(draft.path)
        if file.is_file() and name.parts[0] not in (*UNHASHED, MANIFEST):
            files[name.as_posix()] = manifests.digest(file, sync=True)
    config = draft.path / "config.yaml"
    run = yaml.safe_load(config.read_text(encoding="utf-8")) if config.exists() else None
    seed = run.get("seed") if isinstance(run, dict) else None
    return {"files": files, "seed": seed, "stages": draft.stages, "versions": _versions()}


def _versions() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def _no_bundle(path: Path) -> str:
    if path.exists():
        return f"{path}: a file, expected the folder of a run"
    siblings = path.parent.iterdir() if path.parent.is_dir() else ()
    runs = [p.name for p in siblings if (p / MANIFEST).is_file() and not p.name.startswith(".")]
    guess = registry.nearest(path.name, runs)
    hint = f"; did you mean {path.parent / guess}?" if guess else ""
    return f"{path}: no such run{hint}"
