"""The programs of the page on bare LiteRT, run as they stand there."""

import re

from running import ROOT

PAGE = ROOT / "docs" / "how_to" / "bare_litert.md"
PLACES = 'FILE, TEXT = "dynamic.tflite", "Where is my parcel?"'


def blocks():
    """The programs of each heading of the page."""
    sections = re.split(r"^#+ (.*)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    pairs = zip(sections[1::2], sections[2::2], strict=True)
    return {name: re.findall(r"```python\n(.*?)```", text, re.DOTALL) for name, text in pairs}


def block(heading, number=0):
    """A program below the heading that starts so."""
    (found,) = (programs for name, programs in blocks().items() if name.startswith(heading))
    return found[number]


def run(file, text, *more, upto=None):
    """Run the program on a file and a text, and further ones after it; returns its names.

    Args:
        upto: leave the program's lines out from the one that starts so.
    """
    program = block("The program")
    assert PLACES in program
    if upto is not None:
        program = program[: program.index(upto)]
    names = {}
    program = program.replace(PLACES, f"FILE, TEXT = {str(file)!r}, {text!r}")
    exec("\n".join([program, *more]), names)
    return names
