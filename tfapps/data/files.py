"""Open data files: decompress, limit the size and decode, whatever the file's name is."""

from __future__ import annotations

import codecs
import gzip
import itertools
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tfapps.data import file_kinds
from tfapps.errors import InputError
from tfapps.text import lines

ENDINGS = ("", ".gz", ".zst")
_PIECE = 1 << 16
# Real text shrinks to a fifth or a tenth. What unpacks to more than this is made to fill memory.
MOST_TIMES = 100
ALWAYS_ALLOWED = 64 << 20  # bytes, for small files of much repetition


def plain_name(name: str) -> str:
    """Return a file's name without the ending of its packer."""
    for ending in ENDINGS[1:]:
        name = name.removesuffix(ending)
    return name


def short(value: object) -> str:
    """Return a value as JSON, cut to fit into an error message."""
    shown = json.dumps(value, ensure_ascii=False, default=repr)
    return shown if len(shown) <= 40 else shown[:37] + "..."


def read_text(path: Path, encoding: str | None = None, settable: bool = True) -> str:
    """Return the whole file as text; a byte order mark is dropped, and decides the encoding.

    Args:
        path: of a text file, plain or packed with gzip or zstd.
        encoding: of a file without a byte order mark; None is UTF-8.
        settable: whether `data.encoding` is the encoding of this file, for messages.

    Raises:
        InputError: unreadable, damaged, empty, no text, or not in the encoding (naming the line).
    """
    text = "".join(_decoded(path, encoding, settable))
    if not text.strip():
        raise InputError(f"{path}: the file is empty")
    return text


def read_lines(path: Path, encoding: str | None = None, settable: bool = True) -> list[str]:
    """Return the lines of a file; LF or CRLF ends one, CR alone in a file that has no other.

    Raises:
        InputError: what `read_text` refuses.
    """
    return lines.split(plain_ends(read_text(path, encoding, settable)))


def stream_lines(path: Path, encoding: str | None = None) -> Iterator[str]:
    """Yield the lines of a file one at a time, however large the file is.

    Raises:
        InputError: what `read_text` refuses, but for an empty file.
    """
    rest = ""
    for piece in _decoded(path, encoding):
        complete = (rest + piece).split("\n")
        rest = complete.pop()
        for line in complete:
            yield line.removesuffix("\r")
    if rest:
        yield rest.removesuffix("\r")


def plain_ends(text: str) -> str:
    """Return a text whose lines end at LF or CRLF, as old programs wrote CR alone."""
    return text if "\n" in text else text.replace("\r", "\n")


def likely_encoding(path: Path) -> str | None:
    """Return the likely encoding of a file of text; None for UTF-8 and where a mark says it.

    Raises:
        InputError: no text, or in no encoding that can be guessed.
    """
    content = b"".join(_unpacked(path))
    file_kinds.refuse_binary(path, content)
    if file_kinds.marked(content):
        return None
    try:
        if b"\0" not in content:
            content.decode("utf-8")
            return None
    except UnicodeDecodeError as error:
        guess = file_kinds.guess_encoding(content[content.rfind(b"\n", 0, error.start) + 1 :])
        if guess is None:
            raise InputError(_no_utf_8(str(path), error, settable=True)) from error
        return guess[0]
    return file_kinds.guess_unmarked(content)


def most_bytes(path: Path) -> int:
    """Return how many bytes a packed file may unpack to."""
    return max(ALWAYS_ALLOWED, MOST_TIMES * path.stat().st_size)


def refuse_bomb(path: Path, limit: int) -> None:
    """Refuse a file that decompresses to more than `most_bytes` allows.

    Raises:
        InputError: always.
    """
    raise InputError(
        f"{path}: unpacks to more than {limit >> 20} MB, expected at most {MOST_TIMES} times its "
        f"packed size; unpack it yourself if it is really so large"
    )


def _decoded(path: Path, encoding: str | None, settable: bool = True) -> Iterator[str]:
    pieces = _unpacked(path)
    head = next(pieces, b"")
    file_kinds.refuse_binary(path, head)
    codec, mark = file_kinds.marked(head) or (encoding or "utf-8", 0)
    decoder = codecs.getincrementaldecoder(codec)()
    line = 1
    for piece in itertools.chain([head[mark:]], pieces, [None]):
        try:
            text = decoder.decode(piece or b"", final=piece is None)
        except UnicodeDecodeError as error:
            if codec == "utf-8" and b"\0" in error.object:
                raise _zero(path, line, error.object, settable) from error
            text_before = error.object[: error.start].decode(codec, "replace")
            place = f"{path}:{line + text_before.count(chr(10))}"
            if codec != "utf-8" or encoding is not None:
                byte = error.object[error.start]
                raise InputError(
                    f"{place}: byte 0x{byte:02x} is not {codec}; correct data.encoding, or the file"
                ) from error
            raise InputError(_no_utf_8(place, error, settable)) from error
        except UnicodeError as error:
            raise InputError(f"{path}:{line}: not {codec} ({error}); see data.encoding") from error
        if "\0" in text:
            raise _zero(path, line, piece or b"", settable)
        line += text.count("\n")
        yield text


def _zero(path: Path, line: int, piece: bytes, settable: bool) -> InputError:
    guess = file_kinds.guess_unmarked(piece)
    hint = "is it a text file in UTF-8?"
    if guess is not None:
        hint = f"set data.encoding: {guess}" if settable else f"save it as UTF-8, not {guess}"
    place = f"{path}:{line + piece.count(10, 0, piece.index(0))}"
    return InputError(f"{place}: NUL byte, expected text; {hint}")


def _no_utf_8(place: str, error: UnicodeDecodeError, settable: bool) -> str:
    fix = "save the file as UTF-8 text"
    start = error.object.rfind(b"\n", 0, error.start) + 1
    guess = file_kinds.guess_encoding(error.object[start:])
    if guess is not None:
        likely, reading = guess
        reading = " ".join(reading.split())
        shown = reading if len(reading) <= 60 else reading[:57] + "..."
        likely = f", or set data.encoding: {likely}" if settable else f"; it is likely {likely}"
        fix += f"{likely} if this line should read {shown!r}"
    return f"{place}: byte 0x{error.object[error.start]:02x} is not UTF-8; {fix}"


def _unpacked(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            head = file.read(len(file_kinds.ZSTANDARD))
            file.seek(0)
            if head.startswith(file_kinds.GZIP):
                with gzip.open(file) as plain:
                    yield from _bounded(path, _pieces(plain))
            elif head == file_kinds.ZSTANDARD:
                yield from _bounded(path, _zstandard(path, file))
            else:
                yield from _pieces(file)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: damaged gzip file ({error}); copy it again") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _pieces(file: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


def _zstandard(path: Path, file: BinaryIO) -> Iterator[bytes]:
    import zstandard

    unpacker = zstandard.ZstdDecompressor()
    frame = unpacker.decompressobj()
    content = bytearray()
    try:
        # A block of 4 bytes may stand for 128 KB: small bites keep what comes out small.
        while bite := file.read(1024):
            while bite:
                if frame.eof:
                    frame = unpacker.decompressobj()
                content += frame.decompress(bite)
                bite = frame.unused_data
            if len(content) >= _PIECE:
                yield bytes(content)
                content.clear()
    except zstandard.ZstdError as error:
        raise InputError(f"{path}: damaged zstd file ({error}); copy it again") from error
    if not frame.eof:
        raise InputError(f"{path}: damaged zstd file (it ends too early); copy it again")
    yield bytes(content)


def _bounded(path: Path, pieces: Iterator[bytes]) -> Iterator[bytes]:
    limit, size = most_bytes(path), 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            refuse_bomb(path, limit)
        yield piece
