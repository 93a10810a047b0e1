"""Names of people, places, bodies and works; some for dev and for test alone."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tfapps.errors import InputError
from tools.samples.grammar import expand, lines, pick, pick_weighted

SEED = 13
HELD_OUT = 0.18  # of the words of names: this much for dev alone, and as much for test
UNSEEN = 0.45  # chance that a name of dev, or of test, is made of such words
FIRST_NAMES = ("she", "he")
COMMON = 0.8  # chance that someone new has a first name that is known
POOL = {"train": 160, "dev": 60, "test": 60}  # names of a kind at most
CAST = 5  # of a kind in a document at most
JOINED = {  # shared words, which count twice, make names that only the context tells apart
    "name": ("surnames", "shared", "shared"),
    "place": ("towns", "shared", "shared"),
    "brand": ("brands", "shared", "shared"),
}
_SLOT = re.compile(r"\{(\w+)\}")
_ROW = re.compile(r"(?:(\d+)\* )?([A-Z]+) \| (full \S.*)")

Name = Mapping[
    str, str
]  # form -> how it is written, with what is labelled: "the [ORG Plough Party]"
Cast = Mapping[str, Name]  # who a document is about: "PER", "PER2", "TOWN" ...


@dataclass(frozen=True)
class Pattern:
    """How names of a kind are made: a pattern for each form."""

    weight: int
    forms: Name

    @property
    def words(self) -> list[str]:
        """Return the lists that it draws from."""
        return sorted({word for text in self.forms.values() for word in _SLOT.findall(text)})


@cache
def part_of(word: str) -> str:
    """Return the split that a word is for; train's are known to dev and test as well."""
    draw = random.Random(f"{SEED}/{word}").random()
    return "dev" if draw < HELD_OUT else "test" if draw < 2 * HELD_OUT else "train"


def read_kinds(*paths: Path) -> dict[str, list[Pattern]]:
    """Read patterns by the kind of what they name.

    Raises:
        InputError: a line is of another form.
    """
    kinds: dict[str, list[Pattern]] = {}
    for path in paths:
        for line in lines(path):
            row = _ROW.fullmatch(line)
            forms = [form.partition(" ") for form in row[3].split(" | ")] if row else []
            if not row or not all(text for _, _, text in forms):
                raise InputError(f"{path}: got {line!r}, expected 'KIND | full [LABEL name] | ...'")
            pattern = Pattern(int(row[1] or 1), {form: text for form, _, text in forms})
            kinds.setdefault(row[2], []).append(pattern)
    return kinds


def read_words(folder: Path) -> dict[str, list[str]]:
    """Return the lists of words by the name of their file, and the joined ones."""
    words: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.txt")):
        entries = [word.strip() for line in lines(path) for word in line.split(",")]
        words[path.stem] = [word for word in entries if word]
    return words | {name: [w for f in files for w in words[f]] for name, files in JOINED.items()}


class Names:
    """All names of a folder of grammar; a pure function of it and `SEED`.

    Raises:
        InputError: a list of words is not there, or too short for a part of its own.
    """

    def __init__(self, folder: Path) -> None:
        self.kinds = read_kinds(folder / "kinds.txt", folder / "countries.txt")
        self.words = read_words(folder / "names")
        self.pools = {(kind, part): self._pool(kind, part) for kind in self.kinds for part in POOL}

    def _pool(self, kind: str, part: str) -> list[Name]:
        rng = random.Random(f"{SEED}/{kind}/{part}")
        patterns = [p for p in self.kinds[kind] if p.words or part_of(p.forms["full"]) == part]
        names: dict[str, Name] = {}
        for _ in range(POOL[part]):
            name = self._make(pick_weighted(rng, patterns, [p.weight for p in patterns]), part, rng)
            names.setdefault(name["full"], name)
        return list(names.values())

    def _make(self, pattern: Pattern, part: str, rng: random.Random) -> Name:
        chosen: dict[str, str] = {}
        for word in pattern.words:
            common = word in FIRST_NAMES and rng.random() < COMMON
            split = "train" if common else part
            options = [w for w in self.words.get(word, ()) if part_of(w) == split]
            if not options:
                raise InputError(f"kinds.txt: {{{word}}} has no word for {split} in names/*.txt")
            chosen[word] = pick(rng, options)
        return {form: expand(text, chosen, rng) for form, text in pattern.forms.items()}

    def cast(self, split: str, rng: random.Random) -> Cast:
        """Return the names of one document, all different."""
        cast: dict[str, Name] = {}
        for kind in self.kinds:
            for number, name in enumerate(self._some(kind, split, rng), 1):
                cast[f"{kind}{number if number > 1 else ''}"] = name
        return cast

    def _some(self, kind: str, split: str, rng: random.Random) -> Sequence[Name]:
        names: dict[str, Name] = {}
        while len(names) < CAST:
            part = split if rng.random() < UNSEEN else "train"
            name = pick(rng, self.pools[kind, part])
            # Nobody shares a surname with another, and no club its town.
            names.setdefault(name.get("last") or name.get("short") or name["full"], name)
        return list(names.values())
