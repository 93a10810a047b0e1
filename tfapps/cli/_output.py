"""Standard output and standard error that can write any text, whatever their encoding."""

from __future__ import annotations

import codecs
import io
import sys

ERRORS = "tfapps_escape"


def escape() -> None:
    r"""Write what the encoding of a stream lacks as JSON does, `\u00e9` for one.

    In latin-1 or under LC_ALL=C an answer could otherwise end in a traceback. Escaped so, a line
    of JSON stays JSON.
    """
    codecs.register_error(ERRORS, _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERRORS)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2)), error.end
