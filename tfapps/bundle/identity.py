"""Hashes that identify weights stored under a name."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from tfapps.bundle.bundle import DELTA, MANIFEST, WEIGHTS, Bundle

MODEL_FILES = (".json", ".txt", ".safetensors", ".bin", ".h5")  # of KerasHub and Hugging Face


def of_weights(name: str | None) -> str:
    """Return the hashes of the weights in a local folder, a finished run or a model folder.

    Empty for a name that is not a folder: published weights do not change.
    """
    folder = Path(name or "").expanduser()
    if not name or not folder.is_dir():
        return ""
    if (folder / MANIFEST).is_file():
        files = Bundle.open(folder).manifest["files"]
        # An ensemble has those of its members.
        weights = [n for n in sorted(files) if n.rpartition("/")[2] in (WEIGHTS, DELTA)]
        return " ".join(files[name] for name in weights)
    inside = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    read = sorted(path for path in inside if path.suffix in MODEL_FILES and path.name[0] != ".")
    return " ".join(sha256(folder / path) for path in read)


def sha256(path: Path) -> str:
    """Hash a file, once as long as its size and time of change stay."""
    stat = path.stat()
    return _sha256(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
