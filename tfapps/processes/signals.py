"""What a signal to end does: stop at once where nothing is lost, else once the state is saved."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import Any


class Stopped(BaseException):
    """Asked to end; the text says how the work goes on, where there is something to go on from."""

    @property
    def code(self) -> int:
        """The exit code of a process that a signal ends: 143 for SIGTERM, 130 for SIGINT, ..."""
        return 128 + (_asked or signal.SIGTERM)


TEXT = "stopped"
# Sent by a scheduler, by Ctrl-C, and when the terminal is closed.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_held = 0
_asked = 0  # the signal that came last, if any


def install() -> None:
    """Have `SIGNALS` raise `Stopped` in this process; only its main thread may call this.

    A signal that is ignored stays so: `nohup` ignores SIGHUP, a shell script SIGINT of its jobs.
    """
    global _asked
    _asked = 0
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Inside, a signal waits until somebody looks at `asked`, or for the end."""
    global _held
    _held += 1
    try:
        yield
    finally:
        _held -= 1


@contextlib.contextmanager
def free() -> Iterator[None]:
    """Inside, nothing is held, whatever was: a signal that waits is heard now."""
    global _held
    kept, _held = _held, 0
    try:
        if _asked:
            raise Stopped(TEXT)
        yield
    finally:
        _held = kept


def asked() -> bool:
    """Whether a signal is waiting."""
    return bool(_asked)


def _on_signal(number: int, frame: Any) -> None:
    global _asked
    again, _asked = _asked, number
    # A second one is not put off: whoever sends it does not want to wait.
    if not _held or again:
        raise Stopped(TEXT)
