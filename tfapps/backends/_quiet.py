"""LiteRT's reports of what it sets up, kept off standard error."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator

# A file that is not loaded is no error: an interpreter runs it, or says what is wrong with it.
# Errors of ops, and all that others write, are printed.
REPORT = re.compile(
    rb"INFO: Created TensorFlow Lite XNNPACK delegate for CPU\."
    rb"|(INFO|WARNING): \[(environment|(accelerator|npu|gpu|cpu)_registry|compiled_model)\.cc:\d+\]"
    rb"|(WARNING|ERROR): \[model_load\.cc:\d+\]"
)


def alone() -> bool:
    """Return whether this is the main thread, and no other runs but timers.

    Such as that which ends an idle converter.
    """
    main = threading.main_thread()
    others = [thread for thread in threading.enumerate() if thread is not main]
    return threading.current_thread() is main and all(
        isinstance(thread, threading.Timer) for thread in others
    )


def quiet(at_exit: bool = False) -> contextlib.AbstractContextManager[None]:
    """Keep LiteRT's reports about accelerators off file descriptor 2, inside a block.

    No setting turns them off, and the descriptor belongs to the whole process: it is set aside
    only by a main thread that is alone. Elsewhere the reports are printed.

    Args:
        at_exit: also those that LiteRT makes at the end of the process.
    """
    return _redirected(at_exit) if alone() else contextlib.nullcontext()


@contextlib.contextmanager
def _redirected(at_exit: bool = False) -> Iterator[None]:
    """Write to a file instead; behind the block all but the reports is written after all."""
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        original = os.dup(2)
    except OSError:  # a service without standard error
        yield
        return
    with _file() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(original, 2)
            aside.seek(0)
            for line in aside:
                if not REPORT.match(line):
                    os.write(original, line)
            os.close(original)
            if at_exit:
                _end_quietly()


def _file() -> contextlib.AbstractContextManager:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("stderr"), "r+b")
    return tempfile.TemporaryFile()


@functools.cache
def _end_quietly() -> None:
    """Close descriptor 2 when the process ends, after Python and before LiteRT.

    LiteRT reports once more when its C++ objects are destroyed, at a time when no Python can run
    any more. What is to be done at exit is done in reverse order, so this is called when they
    exist.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library
        libc = ctypes.CDLL(None)
        libc.__cxa_atexit(libc.close, ctypes.c_void_p(2), None)
