"""Packed weights of a LiteRT file, cached between runs."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import mmap
import os
import weakref
import zlib
from pathlib import Path

# A cached copy saves some 0.2 ms of CPU time for each MB of a file: 16 of the 34 ms that opening a
# float32 file of 90 MB takes, 5 of 14 ms of one of 23 MB with int8 weights. To find it takes 1 ms.
LEAST = 4_000_000
MOST = 1 << 29  # bytes of all cached files; the ones that were used longest ago go first
SUFFIX = ".packed"
_UNFINISHED = ".new"
_TROUBLE = (OSError, ValueError, RuntimeError)  # also of an empty file, and of a user without home


class Packed:
    """Where XNNPACK keeps the packed weights of a file.

    They are packed into a file in memory: XNNPACK ends the process where a disk is full, and reads
    what it finds without a check. From there they are copied to the user's cache, under the hash of
    the file and of what packs it, and their own checksum. A cache that cannot be read or written
    changes nothing but the time.

    Args:
        size: of the LiteRT file.
        sha256: of the LiteRT file; None keeps nothing.

    Attributes:
        path: for XNNPACK; empty if nothing is kept.
    """

    def __init__(self, size: int, sha256: str | None) -> None:
        self.path, self._packs = "", False
        if sha256 is None or size < LEAST or not _memory_files() or not _usable():
            return
        self._name = f"{sha256[:32]}-{_packer()[:16]}-"
        self._handle = _restored(self._name)
        self._packs = self._handle < 0
        if self._packs:
            self._handle = os.memfd_create("packed weights")
        weakref.finalize(self, os.close, self._handle)
        self.path = f"/proc/self/fd/{self._handle}"

    def store(self) -> None:
        """Copy weights that were packed just now to the user's cache."""
        if not self._packs:
            return
        with contextlib.suppress(*_TROUBLE), _mapped(self._handle) as weights:
            if len(weights) > MOST:
                return
            folder = _folder()
            _make_room(folder, len(weights))
            name = f"{self._name}{zlib.crc32(weights):08x}"
            unfinished = folder / f".{name}.{os.urandom(8).hex()}{_UNFINISHED}"
            try:
                unfinished.write_bytes(weights)
                unfinished.chmod(0o400)  # XNNPACK must not write into what others have mapped
                os.replace(unfinished, folder / f"{name}{SUFFIX}")
            except BaseException:
                with contextlib.suppress(OSError):
                    unfinished.unlink()
                raise


def _folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "tfapps" / "xnnpack"


@functools.cache
def _memory_files() -> bool:
    return hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd")


def _usable() -> bool:
    """Return whether we may write into the folder, and nobody else: it holds models, unsigned."""
    with contextlib.suppress(*_TROUBLE):
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        state = folder.stat()
        own = state.st_uid == os.geteuid() and not state.st_mode & 0o022
        return own and os.access(folder, os.W_OK | os.X_OK)
    return False


def _restored(name: str) -> int:
    """Return a handle of cached weights whose checksum is right; -1 if there are none."""
    with contextlib.suppress(OSError):
        for entry in os.listdir(_folder()):
            if entry.startswith(name) and entry.endswith(SUFFIX):
                handle = _checked(_folder() / entry, entry[len(name) : -len(SUFFIX)])
                if handle >= 0:
                    return handle
    return -1


def _checked(file: Path, checksum: str) -> int:
    """Return a handle of a cached file, or -1 and remove it if it is damaged."""
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with _mapped(handle) as weights:
            if f"{zlib.crc32(weights):08x}" == checksum:
                with contextlib.suppress(OSError):
                    os.utime(file)  # it was used now
                return handle
    except _TROUBLE:
        pass
    os.close(handle)
    file.unlink(missing_ok=True)
    return -1


def _mapped(handle: int) -> mmap.mmap:
    return mmap.mmap(handle, 0, access=mmap.ACCESS_READ)


def _make_room(folder: Path, size: int) -> None:
    """Remove the files that were used longest ago until another one of this size fits."""
    states = {file: file.stat() for file in folder.iterdir() if file.is_file()}
    total = sum(state.st_size for state in states.values())
    for file, state in sorted(states.items(), key=lambda item: item[1].st_mtime_ns):
        if total + size <= MOST:
            return
        file.unlink(missing_ok=True)
        total -= state.st_size


@functools.cache
def _packer() -> str:
    """Return a hash of what decides how weights are packed: the runtime and the processor."""
    import ai_edge_litert

    folder = Path(ai_edge_litert.__file__).parent
    libraries = sorted(folder.glob("*litert_common*")) or [Path(ai_edge_litert.__file__)]
    states = [file.stat() for file in libraries]
    parts = [repr([(state.st_size, state.st_mtime_ns) for state in states]), os.uname().machine]
    with contextlib.suppress(OSError):
        first, _, _ = Path("/proc/cpuinfo").read_text(errors="replace").partition("\n\n")
        parts += [line for line in first.splitlines() if line.startswith(_PROCESSOR)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


# Lines of /proc/cpuinfo on x86 and ARM; others, as the frequency, change all the time.
_PROCESSOR = ("vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU ")
