"""Checks of a manifest: it lists plain files inside the run, each with its SHA-256."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfapps.errors import InputError

MANIFEST = "manifest.json"
# No backslash, drive letter or stream: a name means the same file on every system.
_PART = re.compile(r'[^\\/:*?"<>|\x00-\x1f\x7f]+')


def check(path: Path, manifest: Any) -> dict[str, Any]:
    """Return a manifest after checking that it names only files inside the run.

    Raises: InputError for a malformed manifest, or naming the wrong entry.
    """
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict) or not isinstance(manifest.get("stages", {}), dict):
        raise InputError(f"{path / MANIFEST}: expected a mapping with 'files'; run it again")
    for name, digest_ in files.items():
        if not _inside(name) or not isinstance(digest_, str):
            raise InputError(
                f"{path / MANIFEST}: {name!r} is not a file inside the run with a SHA-256; "
                "run it again"
            )
    return manifest


def plain(path: Path, name: str) -> Path:
    """Return the path of a file of the run, if no part of it is a link, a pipe or a device.

    Raises: InputError if one is; OSError if there is no such file.
    """
    place = path
    for part in name.split("/"):
        place = place / part
        mode = os.lstat(place).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            kind = "a link" if stat.S_ISLNK(mode) else "not a plain file"
            raise InputError(
                f"{place}: {kind}; a run contains only plain files, copy it again (`cp -rL` "
                "follows links)"
            )
    return place


def check_folder(path: Path, name: str, files: Mapping[str, str]) -> Path:
    """Return a folder of the run if it contains only files that the manifest lists.

    Hidden files are allowed: no reader reads them.

    Raises: InputError for a file that is not listed, or a link.
    """
    for folder, folders, names in os.walk(path / name):
        for entry in sorted((*folders, *names)):
            inside = (Path(folder) / entry).relative_to(path).as_posix()
            if entry.startswith(".") and not os.path.islink(path / inside):
                continue
            plain(path, inside)
            if entry in names and inside not in files:
                raise InputError(
                    f"{path / inside}: {MANIFEST} does not list it, and it would be read; remove "
                    "it, or run it again"
                )
    return path / name


def verify(path: Path, name: str, expected: str) -> None:
    """Hash a file of the run.

    Raises: InputError if it is missing, changed, truncated or not a plain file.
    """
    try:
        actual = digest(plain(path, name))
    except OSError as error:
        reason = "missing" if error.errno == errno.ENOENT else error.strerror
        raise InputError(
            f"{path / name}: {reason}, though {MANIFEST} lists it; restore it or run it again"
        ) from error
    if actual != expected:
        raise InputError(
            f"{path / name}: changed or truncated: its SHA-256 is {actual[:12]}..., {MANIFEST} "
            f"lists {expected[:12]}...; restore it or run it again"
        )


def digest(file: Path, sync: bool = False) -> str:
    """Return the SHA-256 of a file, flushed to disk first if `sync`."""
    with file.open("rb") as stream:
        if sync:  # a rename must not reach the disk before the bytes do
            os.fsync(stream.fileno())
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _inside(name: str) -> bool:
    parts = name.split("/")
    return all(_PART.fullmatch(part) and part.strip(". ") for part in parts)
