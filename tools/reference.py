"""Pages of the reference, made from the command line itself: `python -m tools.reference`."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
from collections.abc import Iterator

from tfapps.cli import _parser, main
from tools import blocks

TOOL = "tools.reference"
WIDTH = "100"


@contextlib.contextmanager
def plain_terminal() -> Iterator[None]:
    """Print help as wide as a page, without colours, inside the block."""
    before = dict(os.environ)
    os.environ.update(COLUMNS=WIDTH, NO_COLOR="1", PYTHON_COLORS="0")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def verbs() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each verb, by name."""
    actions = _parser.parser_of_all()._actions
    (subparsers,) = (item for item in actions if isinstance(item, argparse._SubParsersAction))
    return subparsers.choices


def block(name: str) -> str:
    """Return the help of all verbs (`verbs`), or what `tfapps list --keys` prints (`keys`).

    Args:
        name: of the block.
    """
    with plain_terminal():
        if name == "verbs":
            helps = ((verb, parser.format_help()) for verb, parser in verbs().items())
            texts = (f"### {verb}\n\n```\n{text}```\n" for verb, text in helps)
            return "\n".join(texts)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            main.main(["list", "--keys"])
        return f"```\n{printed.getvalue()}```\n"


if __name__ == "__main__":
    blocks.write(TOOL, block)
