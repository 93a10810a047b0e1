"""Detect a file's kind by its first bytes: compressed, encoded, or binary."""

from __future__ import annotations

import codecs
import itertools
import re
import zipfile
from pathlib import Path

from tfapps.errors import InputError

GZIP = b"\x1f\x8b"
ZSTANDARD = b"\x28\xb5\x2f\xfd"
PARQUET = b"PAR1"
_PARQUET_OF_DATA = PARQUET + b"\x15"  # its first page follows, where text has a letter

_SHEET = "export it as CSV in UTF-8, and set data.source: csv"
_UNPACK = "unpack it, and name the file that holds the data"
_ZIP = b"PK\x03\x04"
_BINARY = [
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file, such as .xls", _SHEET),
    (_PARQUET_OF_DATA, "a Parquet file", "set data.source: parquet"),
    (b"ARROW1\0\0", "an Arrow file", "save it as Parquet, and set data.source: parquet"),
    (
        tuple(b"BZh%d1AY&SY" % level for level in range(1, 10)),
        "a bzip2 file",
        "unpack it, or pack it with gzip or zstd",
    ),
    (b"\xfd7zXZ\0", "an xz file", "unpack it, or pack it with gzip or zstd"),
    (b"%PDF-", "a PDF file", "save its text as a text file in UTF-8"),
    (b"SQLite format 3\0", "an SQLite database", "export a table of it as CSV"),
    (b"\x80\x04\x95", "a Python pickle", "save it as CSV or Parquet"),
    (b"\x80\x05\x95", "a Python pickle", "save it as CSV or Parquet"),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the data with git lfs pull"),
]
_TAR_AT, _TAR = 257, b"ustar"
_EVIDENCE = 1 << 16  # bytes that the codec is guessed from
_ODD = re.compile(rb"[\x80-\xff]+")
_ALONE = re.compile(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])")
_HTML = (b"<!doctype html", b"<html")
# UTF-32 first: its mark begins as that of UTF-16 does.
_MARKS = [
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
]
# Guessed well from a few letters. Of the codecs of Latin letters cp1252 is the likely one.
_TELLING = (
    *("gb18030", "gbk", "gb2312", "big5", "cp932", "shift_jis", "euc_jp", "cp949", "euc_kr"),
    *("cp1251", "koi8_r", "cp1253", "cp1256"),
)


def refuse_binary(path: Path, head: bytes) -> None:
    """Refuse a file that is known to hold no text.

    Args:
        path: of the file.
        head: its first bytes, unpacked.

    Raises:
        InputError: saying what it is and what to do with it.
    """
    if head.startswith(_ZIP):
        kind, fix = _zipped(path)
        raise InputError(f"{path}: {kind}, expected text; {fix}")
    for magic, kind, fix in _BINARY:
        if head.startswith(magic):
            raise InputError(f"{path}: {kind}, expected text; {fix}")
    if head[_TAR_AT:].startswith(_TAR):
        raise InputError(f"{path}: a tar archive, expected text; {_UNPACK}")
    if head.lstrip()[:20].lower().startswith(_HTML):
        raise InputError(
            f"{path}: an HTML page, expected data; download the raw file instead of the page "
            f"that shows it"
        )


def marked(head: bytes) -> tuple[str, int] | None:
    """Return the codec that a byte order mark stands for and the length of the mark."""
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return codec, len(mark)
    return None


def guess_unmarked(piece: bytes) -> str | None:
    """Return the UTF-16 that a text with NUL bytes is likely in."""
    even, odd = (piece[start:4000:2].count(0) for start in (0, 1))
    few, many = sorted((even, odd))
    if many < len(piece[:4000]) / 8 or few > many / 8:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def guess_encoding(text: bytes) -> tuple[str, str] | None:
    """Return the likely codec of text whose first line is not UTF-8, and that line in it.

    Other lines that are not UTF-8 either are evidence as well.
    """
    import charset_normalizer

    first = text.partition(b"\n")[0]
    sample = b"\n".join(itertools.islice(filter(_is_odd, text[:_EVIDENCE].split(b"\n")), 100))
    codec = "cp1252"
    # Letters with accents stand alone among others; those of other scripts come in a row.
    if len(_ALONE.findall(sample)) * 2 <= len(_ODD.findall(sample)):
        best = charset_normalizer.from_bytes(sample).best()
        codec = best.encoding if best is not None and best.encoding in _TELLING else codec
    try:
        return codec, first.decode(codec)
    except UnicodeError:
        return None


def _is_odd(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeError:
        return True
    return False


def _zipped(path: Path) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile):
        names = []
    if any(name.startswith("xl/") for name in names):
        return "a spreadsheet of Excel", _SHEET
    if "content.xml" in names and "mimetype" in names:
        return "a document of LibreOffice, such as .ods", _SHEET
    return "a zip archive", _UNPACK
