"""The run directory: the only thing that passes from training to serving, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
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

from tfapps import _swap, registry
from tfapps.errors import InputError

MANIFEST = "manifest.json"
COMPRESSION = "compression.json"
WEIGHTS = "weights.safetensors"
DELTA = "delta.safetensors"
ENSEMBLE, MEMBERS = "ensemble.json", "members"
UNHASHED = ("logs", "state")  # they grow while a run is on
PACKAGES = ("ai-edge-litert", "keras", "keras-hub", "tensorflow", "tfapps", "tokenizers")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


class Bundle:
    """A finished run on disk.

    Example: `Bundle.open("saved_models/intents").artifact("litert_int8")`.
    """

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest

    @classmethod
    def open(cls, path: str | Path, verify: bool = True) -> Bundle:
        """Open a bundle, by default after hashing every file its manifest lists.

        Raises: InputError naming the file that is missing, cut short or changed.
        """
        path = Path(path)
        _swap.restore(path)
        if not path.is_dir():
            raise InputError(_no_bundle(path))
        if not (path / MANIFEST).is_file():
            raise InputError(f"{path}: no {MANIFEST}, so this is no finished run; run it again")
        manifest = _checked_manifest(path)
        if verify:
            for name, digest in manifest["files"].items():
                _verify(path, name, digest)
        return cls(path, manifest)

    @property
    def config_path(self) -> Path:
        """The run's config, every default spelt out."""
        return self.path / "config.yaml"

    @property
    def text(self) -> Path:
        """The tokenizer's folder."""
        return self.path / "text"

    @property
    def weights(self) -> Path:
        """The weights of Keras, safetensors by path: all, or what was learned beside a preset."""
        delta = self.path / DELTA
        return delta if delta.is_file() else self.path / WEIGHTS

    @property
    def members(self) -> list[Path]:
        """The runs of an ensemble that answer together, in their order; empty for a single run."""
        if ENSEMBLE not in self.manifest["files"]:
            return []
        count = read_json(self.path / ENSEMBLE)["members"]
        return [self.path / MEMBERS / str(number) for number in range(count)]

    @property
    def metrics(self) -> dict[str, Any]:
        """metrics.json, empty before anything was measured."""
        file = self.path / "metrics.json"
        return read_json(file) if file.exists() else {}

    @property
    def compression(self) -> dict[str, Any]:
        """How to build the compressed model again, see `tfapps.assemble`; empty if it is whole."""
        file = self.path / COMPRESSION
        return read_json(file) if file.exists() else {}

    def artifact(self, name: str) -> Path:
        """The file or folder of an artefact.

        Raises: InputError listing the artefacts that are there.
        """
        there = self.artifacts()
        if name not in there:
            hint = f"there: {', '.join(there)}" if there else "it holds none"
            raise InputError(
                f"{self.path} has no artefact {name!r}; {hint}; "
                "add it to export: in the config and run tfapps export"
            )
        if name == "keras":
            return self.weights
        if name == "saved_model":
            return self.path / name
        return self.path / "litert" / f"{name.removeprefix('litert_')}.tflite"

    def artifacts(self) -> list[str]:
        """What can be run: `keras`, `saved_model`, then each `litert_*`, as the manifest has it."""
        if self.members:
            each = [Bundle.open(path, verify=False).artifacts() for path in self.members]
            return [name for name in each[0] if all(name in there for there in each)]
        found = set()
        for name in self.manifest["files"]:
            file = PurePosixPath(name)
            if name in (WEIGHTS, DELTA):
                found.add("keras")
            elif file.parts[0] == "saved_model" and len(file.parts) > 1:
                found.add("saved_model")
            elif len(file.parts) == 2 and file.parts[0] == "litert" and file.suffix == ".tflite":
                found.add(f"litert_{file.stem}")
        return sorted(found, key=lambda name: (name != "keras", name != "saved_model", name))


@dataclass
class Draft:
    """A bundle being written: put files under `path`, note each stage done in `stages`."""

    path: Path
    stages: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def writing(path: str | Path, *, base: Bundle | None = None) -> Iterator[Draft]:
    """Write a bundle beside `path` and swap it in at the end: a crash leaves the old one or none.

    The draft starts with copies of base's files; copies, because a stage that wrote into a
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

    with _swap.replacing(path, _is_ours, fill) as (folder, commit):
        draft = Draft(folder, dict(base.manifest.get("stages", {})) if base else {})
        yield draft
        commit(lambda: write_json(folder / MANIFEST, _manifest(draft)))


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

    Raises: InputError if the file is missing, cut short or no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: no valid JSON, changed or cut short: {error}") from error


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy, which this line of the house does not import
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
    for name in base.manifest["files"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(base.path / name, folder / name)
    if (base.path / "logs").is_dir():
        shutil.copytree(base.path / "logs", folder / "logs", dirs_exist_ok=True)


def _manifest(draft: Draft) -> dict[str, Any]:
    files = {}
    for file in draft.path.rglob("*"):
        name = file.relative_to(draft.path)
        if file.is_file() and name.parts[0] not in (*UNHASHED, MANIFEST):
            files[name.as_posix()] = _digest(file, sync=True)
    config = draft.path / "config.yaml"
    run = yaml.safe_load(config.read_text(encoding="utf-8")) if config.exists() else None
    seed = run.get("seed") if isinstance(run, dict) else None
    return {"files": files, "seed": seed, "stages": draft.stages, "versions": _versions()}


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def _digest(file: Path, sync: bool = False) -> str:
    with file.open("rb") as stream:
        if sync:  # a rename must not reach the disk before the bytes do
            os.fsync(stream.fileno())
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _checked_manifest(path: Path) -> dict[str, Any]:
    manifest = read_json(path / MANIFEST)
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict):
        raise InputError(f"{path / MANIFEST}: expected a mapping with 'files'; run it again")
    for name, digest in files.items():
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or parts[0] == "/" or not isinstance(digest, str):
            raise InputError(
                f"{path / MANIFEST}: {name!r} is no file inside the run with a SHA-256; "
                "run it again"
            )
    return manifest


def _verify(path: Path, name: str, expected: str) -> None:
    try:
        got = _digest(path / name)
    except OSError as error:
        reason = "missing" if error.errno == errno.ENOENT else error.strerror
        raise InputError(
            f"{path / name}: {reason}, though {MANIFEST} lists it; restore it or run it again"
        ) from error
    if got != expected:
        raise InputError(
            f"{path / name}: changed or cut short: its SHA-256 is {got[:12]}..., {MANIFEST} says "
            f"{expected[:12]}...; restore it or run it again"
        )


def _no_bundle(path: Path) -> str:
    if path.exists():
        return f"{path}: a file, expected the folder of a run"
    siblings = path.parent.iterdir() if path.parent.is_dir() else ()
    there = [p.name for p in siblings if (p / MANIFEST).is_file() and not p.name.startswith(".")]
    guess = registry.nearest(path.name, there)
    hint = f"; did you mean {path.parent / guess}?" if guess else ""
    return f"{path}: no such run{hint}"
