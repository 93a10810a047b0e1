"""Keeps the config of a bundle from the network: it may be a stranger's."""

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
    """Inside, what the config of this bundle names is not fetched."""
    before = _bundle.get()
    token = _bundle.set(path if before is None else before)
    try:
        yield
    finally:
        _bundle.reset(token)


@contextlib.contextmanager
def own() -> Iterator[None]:
    """Inside, bundles are parts of a run whose config the user named: it may fetch."""
    token = _bundle.set(_OWN)
    try:
        yield
    finally:
        _bundle.reset(token)


def check(what: str, fix: str) -> None:
    """Call before anything is fetched.

    Args:
        what: would be fetched, `preset 'hf://owner/model'` say.

    Raises: InputError inside `bundle`.
    """
    path = _bundle.get()
    if path not in (None, _OWN):
        raise InputError(
            f"{path}: its config names {what}, which is not on this machine, and the config of a "
            f"bundle downloads nothing; {fix}"
        )
