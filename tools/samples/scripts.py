"""Scripts: what may be said of a subject, stage by stage, so that a text keeps an order of events.

A file holds `stage: structure` lines; a text has one structure of each stage, in the order of the
file. A stage whose name ends in `?` may be left out. `@one/other a/b;c/d` draws `one`
and `other` together, once for the whole text.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfapps.errors import InputError
from tools.samples.grammar import expand, pick, read_grammar

_AN = re.compile(r"\b([Aa]) (?=(?:\[[A-Z]+ )?(?!Uni|Uru|Eu|one\b)[AEIOUaeiou])")
_FIRST = re.compile(r'(?:^|(?<=: "))[a-z]|(?<=^")[a-z]')

Choice = tuple[tuple[str, ...], ...]  # the options, each a value for every name


@dataclass(frozen=True)
class Script:
    """One subject: its stages, and what is drawn once for each text."""

    name: str
    stages: Mapping[str, Sequence[str]]
    choices: Mapping[tuple[str, ...], Choice]


def read_script(path: Path) -> Script:
    """Read a script.

    Raises:
        InputError: a line is no stage, or an option has not a value for every name.
    """
    grammar = read_grammar(path)
    stages: dict[str, list[str]] = {}
    for line in grammar.structures:
        stage, colon, structure = line.partition(": ")
        if not colon or " " in stage:
            raise InputError(f"{path}: got {line!r}, expected 'stage: structure'")
        stages.setdefault(stage, []).append(structure.strip())
    choices: dict[tuple[str, ...], Choice] = {}
    for key, value in grammar.settings.items():
        names = tuple(key.split("/"))
        options = tuple(tuple(option.strip().split("/")) for option in value.split(";"))
        for option in options:
            if len(option) != len(names):
                raise InputError(f"{path}: got {'/'.join(option)!r}, expected a value for @{key}")
        choices[names] = options
    return Script(path.stem, stages, choices)


def read_scripts(folder: Path) -> list[Script]:
    """Return the scripts of a folder, by name."""
    return [read_script(path) for path in sorted(folder.glob("*.txt"))]


def write(
    script: Script, slots: Mapping[str, str], rng: random.Random, told: float
) -> dict[str, str]:
    """Draw one text: its sentences by their stages.

    Args:
        told: chance of a stage that may be left out.
    """
    own = dict(slots)
    for names, options in script.choices.items():
        values = pick(rng, options)
        own |= {name: expand(value, own, rng) for name, value in zip(names, values, strict=True)}
    return {
        stage: expand(pick(rng, structures), own, rng)
        for stage, structures in script.stages.items()
        if not stage.endswith("?") or rng.random() < told
    }


def finish(sentence: str) -> str:
    """Write `an` before a vowel, also of a marked name `[ORG ...]`; a capital at the start."""
    sentence = _AN.sub(r"\1n ", sentence)
    return _FIRST.sub(lambda letter: letter[0].upper(), sentence)
