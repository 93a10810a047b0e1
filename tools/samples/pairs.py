"""Turn the German-English grammar into pairs of sentences, each in one split only."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.samples import table
from tools.samples.german_english import lexicon
from tools.samples.german_english.draw import Draw
from tools.samples.german_english.sentences import sentence

SEED = 13
SIZES = {"train": 3000, "dev": 300, "test": 300}
COLUMNS = ("de", "en")
ENDING = table.ENDING
ROWS = "rows"
LONGEST = 22  # words


@dataclass(frozen=True)
class Row:
    """A German sentence and its English one."""

    de: str
    en: str


def key(text: str) -> str:
    """Return what makes two sentences the same: letters only, case-folded."""
    return re.sub(r"\W+", " ", text.casefold()).strip()


def generate(folder: Path) -> dict[str, list[Row]]:
    """Return all rows of train, dev and test; a pure function of the folder and `SEED`.

    No sentence of either language is there twice, so none can be looked up.
    """
    draw = Draw(lexicon.read(folder), random.Random(SEED))
    seen: set[str] = set()
    rows: list[Row] = []
    while len(rows) < sum(SIZES.values()):
        row = Row(*sentence(draw))
        keys = {f"de {key(row.de)}", f"en {key(row.en)}"}
        if keys & seen or max(len(row.de.split()), len(row.en.split())) > LONGEST:
            continue
        seen |= keys
        rows.append(row)
    splits: dict[str, list[Row]] = {}
    for name, size in SIZES.items():
        splits[name], rows = rows[:size], rows[size:]
    return splits


def render(rows: Sequence[Row]) -> str:
    """Return the text of a file with these rows."""
    return table.render(COLUMNS, rows)
