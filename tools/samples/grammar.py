"""A small text generator: alternatives `(a|b|)`, slots `{item}`, seeded draws, light typos.

Every draw goes through `random.Random(...).random()`, the one call that Python promises to keep
stable, so a corpus comes out byte for byte the same on every machine.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tfapps.errors import InputError

T = TypeVar("T")
_TOKEN = re.compile(r"[(){}|]|[^(){}|]+")


@dataclass(frozen=True)
class Grammar:
    """One grammar file: its `@key value` settings and its structures, each with a weight."""

    name: str
    structures: tuple[str, ...]
    weights: tuple[int, ...]
    settings: Mapping[str, str] = field(default_factory=dict)


def pick(rng: random.Random, options: Sequence[T]) -> T:
    """Return one option, all equally likely."""
    return options[int(rng.random() * len(options))]


def pick_weighted(rng: random.Random, options: Sequence[T], weights: Sequence[int]) -> T:
    """Return one option, likely in proportion to its weight."""
    left = rng.random() * sum(weights)
    for option, weight in zip(options, weights, strict=True):
        left -= weight
        if left < 0:
            return option
    return options[-1]


def shuffled(rng: random.Random, items: Sequence[T]) -> list[T]:
    """Return a new list in random order."""
    keys = [rng.random() for _ in items]
    return [items[i] for i in sorted(range(len(items)), key=keys.__getitem__)]


def expand(pattern: str, slots: Mapping[str, str], rng: random.Random) -> str:
    """Draw one text from a pattern.

    >>> expand("(a|a) {what}", {"what": "b"}, random.Random(1))
    'a b'

    Raises:
        InputError: a bracket does not close, or a slot is not defined.
    """
    text = _draw(pattern, slots, rng)
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r" ([,.?!:;])", r"\1", text)


def _draw(pattern: str, slots: Mapping[str, str], rng: random.Random) -> str:
    tokens = _TOKEN.findall(pattern)
    text, end = _sequence(tokens, 0, slots, rng, pattern)
    if end != len(tokens):
        raise InputError(f"grammar pattern {pattern!r}: got {tokens[end]!r} outside brackets")
    return text


def _sequence(
    tokens: Sequence[str], at: int, slots: Mapping[str, str], rng: random.Random, pattern: str
) -> tuple[str, int]:
    parts: list[str] = []
    while at < len(tokens) and tokens[at] not in ("|", ")", "}"):
        if tokens[at] == "(":
            text, at = _group(tokens, at + 1, slots, rng, pattern)
            parts.append(text)
        elif tokens[at] == "{":
            name = "".join(tokens[at + 1 : at + 2])
            if tokens[at + 2 : at + 3] != ["}"]:
                raise InputError(f"grammar pattern {pattern!r}: slot {{{name} does not close")
            if name not in slots:
                known = ", ".join(sorted(slots)) or "none"
                raise InputError(f"grammar pattern {pattern!r}: unknown slot {name!r}: {known}")
            parts.append(_draw(slots[name], slots, rng))
            at += 3
        else:
            parts.append(tokens[at])
            at += 1
    return "".join(parts), at


def _group(
    tokens: Sequence[str], at: int, slots: Mapping[str, str], rng: random.Random, pattern: str
) -> tuple[str, int]:
    options: list[str] = []
    while True:
        text, at = _sequence(tokens, at, slots, rng, pattern)
        options.append(text)
        if at >= len(tokens) or tokens[at] == "}":
            raise InputError(f"grammar pattern {pattern!r}: '(' does not close")
        at += 1
        if tokens[at - 1] == ")":
            return pick(rng, options), at


def add_typo(text: str, rng: random.Random) -> str:
    """Return one slip of the finger inside one longer word: swapped, dropped or doubled letter."""
    words = list(re.finditer(r"[A-Za-z]{5,}", text))
    if not words:
        return text
    word = pick(rng, words)
    at = word.start() + 1 + int(rng.random() * (word.end() - word.start() - 3))
    kind = pick(rng, ("swap", "drop", "double"))
    if kind == "swap":
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + text[at + 1 :] if kind == "drop" else text[:at] + text[at] + text[at:]


def read_grammar(path: Path) -> Grammar:
    """Read a grammar file: `# comment`, `@setting value`, or a structure (`3* ...` weighs it 3).

    Raises:
        InputError: the file has no structure.
    """
    settings: dict[str, str] = {}
    structures: list[str] = []
    weights: list[int] = []
    for line in lines(path):
        if line.startswith("@"):
            key, _, value = line[1:].partition(" ")
            settings[key] = value.strip()
            continue
        weight = re.match(r"(\d+)\* ", line)
        structures.append(line[weight.end() :] if weight else line)
        weights.append(int(weight[1]) if weight else 1)
    if not structures:
        raise InputError(f"{path}: no structure in it, expected at least one line of text")
    return Grammar(path.stem, tuple(structures), tuple(weights), settings)


def read_slots(path: Path) -> dict[str, str]:
    """Read `name: pattern` lines into slot patterns.

    Raises:
        InputError: a line is of another form.
    """
    slots: dict[str, str] = {}
    for line in lines(path):
        name, colon, pattern = line.partition(":")
        if not colon or not pattern.strip():
            raise InputError(f"{path}: got {line!r}, expected 'name: pattern'")
        slots[name.strip()] = pattern.strip()
    return slots


def lines(path: Path) -> list[str]:
    """Return the lines of a file that are neither empty nor a comment."""
    stripped = (line.strip() for line in path.read_text(encoding="utf-8").split("\n"))
    return [line for line in stripped if line and not line.startswith("#")]
