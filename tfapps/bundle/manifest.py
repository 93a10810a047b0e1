"""The manifest: plain files inside the run, each with its SHA-256, checked on first use."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tfapps.errors import InputError

MANIFEST = "manifest.json"
# No backslash, drive letter or stream: a name means the same file on every system.
_PART = re.compile(r'[^\\/:*?"<>|\x00-\x1f\x7f]+')


class Content(NamedTuple):
    """A file of a run and its bytes, which have this SHA-256."""

    path: Path
    data: bytes
    sha256: str


class Files:
    """The files that a manifest lists. Each is hashed before it is first used, and no other is.

    Args:
        path: the run's folder.
        digests: the SHA-256 of each file by name.
    """

    def __init__(self, path: Path, digests: Mapping[str, str]) -> None:
        self._path, self._digests = path, digests
        self._checked: set[str] = set()

    def path(self, name: str) -> Path:
        """Return the path of a file.

        Raises: InputError if it is not listed, missing, changed, truncated or not a plain file.
        """
        expected = self._digest(name)
        if name not in self._checked:
            verify(self._path, name, expected)
            self._checked.add(name)
        return self._path / name

    def content(self, name: str) -> Content:
        """Read a file; the bytes that were hashed are those that are returned.

        Raises: InputError if it is not listed, missing, changed, truncated or not a plain file.
        """
        expected = self._digest(name)
        with _explained(self._path, name):
            data = plain(self._path, name).read_bytes()
        _compare(self._path, name, hashlib.sha256(data).hexdigest(), expected)
        return Content(self._path / name, data, expected)

    def folder(self, name: str) -> Path:
        """Return the path of a folder that is read as a whole.

        Raises: InputError for a file in it that is not listed, or is damaged.
        """
        folder = check_folder(self._path, name, self._digests)
        for inside in self._digests:
            if inside.startswith(f"{name}/"):
                self.path(inside)
        return folder

    def copy(self, folder: Path) -> None:
        """Copy every file. The copies are hashed, because the next manifest calls them good.

        Raises: InputError naming the file that is missing, changed, truncated or not a plain file.
        """
        for name, expected in self._digests.items():
            source, target = self.path(name), folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
            _compare(self._path, name, digest(target), expected)

    def verify(self) -> None:
        """Hash every file, also those that were used before.

        Raises: InputError naming the file that is missing, changed, truncated or not a plain file.
        """
        for name, expected in self._digests.items():
            verify(self._path, name, expected)
            self._checked.add(name)

    def _digest(self, name: str) -> str:
        if name not in self._digests:
            raise InputError(f"{self._path}: {MANIFEST} lists no {name}; run it again")
        return self._digests[name]


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
    with _explained(path, name):
        actual = digest(plain(path, name))
    _compare(path, name, actual, expected)


def digest(file: Path, sync: bool = False) -> str:
    """Return the SHA-256 of a file, flushed to disk first if `sync`."""
    with file.open("rb") as stream:
        if sync:  # a rename must not reach the disk before the bytes do
            os.fsync(stream.fileno())
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def _explained(path: Path, name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = "missing" if error.errno == errno.ENOENT else error.strerror
        raise InputError(
            f"{path / name}: {reason}, though {MANIFEST} lists it; restore it or run it again"
        ) from error


def _compare(path: Path, name: str, actual: str, expected: str) -> None:
    if actual != expected:
        raise InputError(
            f"{path / name}: changed or truncated: its SHA-256 is {actual[:12]}..., {MANIFEST} "
            f"lists {expected[:12]}...; restore it or run it again"
        )


def _inside(name: str) -> bool:
    parts = name.split("/")
    return all(_PART.fullmatch(part) and part.strip(". ") for part in parts)
