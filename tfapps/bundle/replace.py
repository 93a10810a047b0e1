"""Replaces a folder atomically: writes a sibling, then renames twice."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from tfapps.errors import InputError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS}
_TRIES = 3


@contextlib.contextmanager
def replacing(
    shown_path: Path, replaceable: Callable[[set[str]], bool], fill: Callable[[Path], None]
) -> Iterator[tuple[Path, Callable[[Callable[[], None]], None]]]:
    """Yield a temporary sibling of `shown_path`, and the function that seals it and swaps it in.

    `replaceable` decides by its entries whether the existing folder may be replaced; `fill` writes
    the first files into the sibling. On any error the sibling is deleted and the old folder stays.
    Raises: InputError if the folder cannot be written or another process is writing it.
    """
    target = Path(os.path.realpath(shown_path))
    temporary = _beside(target, "new")
    with explained(shown_path):
        handle = _begin(shown_path, target, temporary)

    def commit(seal: Callable[[], None]) -> None:
        with explained(shown_path):
            seal()
            _swap(temporary, target)

    try:
        with explained(shown_path):
            restore(target)
            _refuse_strangers(shown_path, target, replaceable)
            fill(temporary)
        with explained(shown_path, temporary):
            yield temporary, commit
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    finally:
        os.close(handle)


def restore(path: Path) -> None:
    """Put the old folder back that a crash between the two renames left under another name."""
    target = Path(os.path.realpath(path))
    if not target.name or os.path.lexists(target):
        return
    with contextlib.suppress(OSError):  # then the caller finds no folder and says so
        os.rename(_beside(target, "old"), target)


@contextlib.contextmanager
def explained(shown_path: Path, inside: Path | None = None) -> Iterator[None]:
    """Turn a failed write into one line; with `inside`, only if it failed there or disk is full.

    Raises: InputError such as `cannot write saved_models/x: No space left on device; ...`.
    """
    try:
        yield
    except OSError as error:
        at = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
        here = at is not None and inside is not None and at.is_relative_to(inside)
        if inside is not None and not here and error.errno not in _FULL | {errno.EROFS}:
            raise
        raise InputError(_line(shown_path, error)) from error
    except InputError:
        raise
    except Exception as error:
        # safetensors and TensorFlow report a full disk with their own exceptions.
        full = os.strerror(errno.ENOSPC)
        if full not in str(error):
            raise
        raise InputError(_line(shown_path, OSError(errno.ENOSPC, full))) from error


def _line(shown_path: Path, error: OSError) -> str:
    if error.errno in _FULL:
        fix = "free some space and run it again"
    elif error.errno in _CLOSED:
        fix = f"make {shown_path.parent} writable"
    else:
        fix = f"check that {shown_path.parent} is a folder that can be written"
    return f"cannot write {shown_path}: {error.strerror or error}; {fix}"


def _beside(target: Path, suffix: str) -> Path:
    return target.with_name(f".{target.name}.{suffix}")


def _begin(shown_path: Path, target: Path, temporary: Path) -> int:
    # The lock ends with its process, so an unlocked leftover is stale.
    target.parent.mkdir(parents=True, exist_ok=True)
    if temporary.exists():
        handle = lock(shown_path, temporary)
        shutil.rmtree(temporary)
        os.close(handle)
    os.mkdir(temporary)
    return lock(shown_path, temporary)


def lock(shown_path: Path, folder: Path) -> int:
    """Return a handle that locks a folder for this process until it is closed.

    Raises: InputError if another process has it.
    """
    import fcntl  # not on Windows, where bundles can still be opened and served

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise InputError(
            f"cannot write {shown_path}: another process is writing it; wait for it to end"
        ) from error
    return handle


def _refuse_strangers(
    shown_path: Path, target: Path, replaceable: Callable[[set[str]], bool]
) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise InputError(f"cannot write {shown_path}: there is a file of that name; move it away")
    if not replaceable({entry.name for entry in target.iterdir()}):
        raise InputError(
            f"cannot write {shown_path}: the folder there holds something else; move it away"
        )


def _swap(temporary: Path, target: Path) -> None:
    old = _beside(target, "old")
    for attempt in range(1, _TRIES + 1):
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
            os.rename(target, old)
        try:
            os.rename(temporary, target)
            break
        except OSError as error:
            # A concurrent reader may have restored the old bundle.
            retry = error.errno in (errno.ENOTEMPTY, errno.EEXIST) and attempt < _TRIES
            if not retry:
                restore(target)
                raise
    _sync(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def _sync(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems cannot sync a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
