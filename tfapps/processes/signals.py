"""Handles stop signals: stops at once if nothing is lost, otherwise after saving the state."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import Any


class Stopped(BaseException):
    """Stopped by a signal; the text says how to resume, if there is a checkpoint."""

    @property
    def code(self) -> int:
        """Return the exit code of a process that a signal ends: 143 for SIGTERM, 130 for SIGINT."""
        return 128 + (_pending or signal.SIGTERM)


TEXT = "stopped"
# Sent by a scheduler, by Ctrl-C, and when the terminal is closed.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_defer_depth = 0
_pending = 0  # the last signal received, if any


def install() -> None:
    """Have `SIGNALS` raise `Stopped` in this process; only its main thread may call this.

    A signal that is ignored stays so: `nohup` ignores SIGHUP, a shell script SIGINT of its jobs.
    """
    global _pending
    _pending = 0
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Defer signals inside the block; `pending` shows whether one is pending."""
    global _defer_depth
    _defer_depth += 1
    try:
        yield
    finally:
        _defer_depth -= 1


@contextlib.contextmanager
def undeferred() -> Iterator[None]:
    """Handle signals at once inside the block, also one that is pending."""
    global _defer_depth
    depth, _defer_depth = _defer_depth, 0
    try:
        if _pending:
            raise Stopped(TEXT)
        yield
    finally:
        _defer_depth = depth


def pending() -> bool:
    """Return whether a signal is pending."""
    return bool(_pending)


def _on_signal(number: int, frame: Any) -> None:
    global _pending
    previous, _pending = _pending, number
    # A second signal is not deferred: its sender does not want to wait.
    if not _defer_depth or previous:
        raise Stopped(TEXT)
