"""Words of the German-English grammar, read from its files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tfapps.errors import InputError
from tools.samples.grammar import lines

NONE = "-"
NUMBERS = (
    ("zwei", "two"),
    ("drei", "three"),
    ("vier", "four"),
    ("fünf", "five"),
    ("sechs", "six"),
    ("sieben", "seven"),
    ("acht", "eight"),
    ("neun", "nine"),
    ("zehn", "ten"),
    ("elf", "eleven"),
    ("zwölf", "twelve"),
)


class Said(NamedTuple):
    """The same in both languages."""

    de: str
    en: str


@dataclass(frozen=True)
class Noun:
    """A noun: its kinds say which verbs and adjectives it goes with."""

    kinds: tuple[str, ...]
    gender: str
    singular: Said
    plural: Said


@dataclass(frozen=True)
class Verb:
    """A verb with the forms that no rule gives; a German prefix may stand apart."""

    frame: str
    subjects: tuple[str, ...]
    objects: tuple[str, ...]
    places: tuple[str, ...]
    prefix: str
    infinitive: str  # without the prefix, as `third`
    third: str
    participle: str
    auxiliary: str
    en: str
    en_past: str
    en_ing: str | None


@dataclass(frozen=True)
class Adjective:
    """An adjective and, where it has one, its comparative."""

    kinds: tuple[str, ...]
    positive: Said
    comparative: Said | None


@dataclass(frozen=True)
class Lexicon:
    """All words of a folder; adverbials by their kind."""

    nouns: tuple[Noun, ...]
    verbs: tuple[Verb, ...]
    adjectives: tuple[Adjective, ...]
    adverbials: dict[str, list[Said]]

    def nouns_of(self, kinds: Sequence[str]) -> list[Noun]:
        """Return the nouns of any of the kinds."""
        return [noun for noun in self.nouns if set(noun.kinds) & set(kinds)]

    def adjectives_of(self, about: Noun | str) -> list[Adjective]:
        """Return adjectives that can be said of a noun, or of a kind."""
        kinds = {about} if isinstance(about, str) else set(about.kinds)
        return [word for word in self.adjectives if set(word.kinds) & kinds]


def read(folder: Path) -> Lexicon:
    """Return the lexicon of a folder.

    Raises:
        InputError: a line has not the columns that its file needs.
    """
    nouns = tuple(
        Noun(_kinds(kinds), gender, Said(de, en), Said(de_plural, en_plural))
        for kinds, gender, de, de_plural, en, en_plural in _table(folder / "nouns.txt", 6)
    )
    verbs = tuple(
        Verb(
            frame,
            _kinds(who),
            _kinds(whom),
            _kinds(where),
            _given(prefix) or "",
            *forms,
            _given(ing),
        )
        for frame, who, whom, where, prefix, *forms, ing in _table(folder / "verbs.txt", 12)
    )
    adjectives = tuple(
        Adjective(_kinds(kinds), Said(de, en), Said(de_more, en_more) if _given(de_more) else None)
        for kinds, de, en, de_more, en_more in _table(folder / "adjectives.txt", 5)
    )
    adverbials: dict[str, list[Said]] = {}
    for kind, de, en in _table(folder / "adverbials.txt", 3):
        adverbials.setdefault(kind, []).append(Said(de, en))
    return Lexicon(nouns, verbs, adjectives, adverbials)


def _table(path: Path, width: int) -> list[list[str]]:
    rows = [[cell.strip() for cell in line.split("|")] for line in lines(path)]
    for row in rows:
        if len(row) != width or not all(row):
            raise InputError(f"{path}: got {' | '.join(row)!r}, expected {width} columns")
    return rows


def _kinds(cell: str) -> tuple[str, ...]:
    return tuple(kind.strip() for kind in cell.split(",") if kind != NONE)


def _given(cell: str) -> str | None:
    return None if cell == NONE else cell
