"""Prevents downloads named by the config of a bundle, which may not be trusted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from tfapps.errors import InputError

_OWN = Path()
_bundle: ContextVar[Path | None] = ContextVar("bundle", default=None)


@contextlib.contextmanager
def bundle(path: Path) -> Iterator[None]:
    """Forbid downloads that the config of this bundle names, inside the block."""
    before = _bundle.get()
    token = _bundle.set(path if before is None else before)
    try:
        yield
    finally:
        _bundle.reset(token)


@contextlib.contextmanager
def downloads_allowed() -> Iterator[None]:
    """Allow downloads inside the block: its bundles belong to a run whose config the user named."""
    token = _bundle.set(_OWN)
    try:
        yield
    finally:
        _bundle.reset(token)


def check(name: str, fix: str) -> None:
    """Check that a download is allowed; call it before every one.

    Args:
        name: of what would be fetched, e.g. `preset 'hf://owner/model'`.

    Raises: InputError inside `bundle`.
    """
    path = _bundle.get()
    if path not in (None, _OWN):
        raise InputError(
            f"{path}: its config names {name}, which is not on this machine, and the config of a "
            f"bundle downloads nothing; {fix}"
        )
