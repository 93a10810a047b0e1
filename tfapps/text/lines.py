"""Input text: its line ends, and characters that no file can contain."""

from __future__ import annotations

from tfapps.errors import InputError

BYTE_ORDER_MARK = "\ufeff"


def split(text: str) -> list[str]:
    """Return the lines of a text; only LF or CRLF ends one, whatever Unicode calls a line end.

    `str.splitlines` also splits at U+2028, U+2029, U+0085, vertical tabs and form feeds, which
    are common inside texts. A byte order mark at the start is dropped, and an end of line at
    the very end starts no further line.

    Example:
        >>> split("one\\x0bstill one\\r\\ntwo\\n")
        ['one\\x0bstill one', 'two']
    """
    text = text.removeprefix(BYTE_ORDER_MARK)
    if not text:
        return []
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def check_whole(text: str, place: str) -> str:
    r"""Return a text that UTF-8 can hold.

    JSON may spell half of a surrogate pair (`"\ud83d"`), and Python keeps it in a string that can
    be neither tokenized nor written.

    Args:
        text: from JSON, the command line or a program.
        place: where it comes from, for the message: `train.jsonl:7`, say.

    Raises:
        InputError: the text holds a lone surrogate.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{place}: character {error.start + 1} is half of a surrogate pair "
            f"(\\u{ord(text[error.start]):04x}), expected whole characters; the text was split in "
            "the middle of an emoji, or is not UTF-8"
        ) from None
    return text
