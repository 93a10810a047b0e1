"""Turn the grammar of short texts into documents: sentences in an order that can be learned."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfapps.errors import InputError
from tools.samples.grammar import lines, read_slots, shuffled
from tools.samples.scripts import Script, finish, read_scripts, write

SEED = 13
SIZES = {"train": 60, "dev": 6}  # of each subject
ENDING = ".txt"
ROWS = "documents"
LENGTHS = range(4, 10)  # sentences of a document
TOLD = 0.5  # chance of a stage that may be left out
PEOPLE = ("A", "B")

Document = tuple[str, ...]
Person = tuple[str, str, str, str]  # name, he, him, his


def generate(folder: Path) -> dict[str, list[Document]]:
    """Return all documents of train and dev; a pure function of the folder and `SEED`.

    No document is there twice, and no sentence of dev is in train.
    """
    slots, people = read_slots(folder / "slots.txt"), read_people(folder / "people.txt")
    scripts = read_scripts(folder / "topics")
    seen: set[Document] = set()
    elsewhere: set[str] = set()
    splits: dict[str, list[Document]] = {}
    for split, size in SIZES.items():
        rng = random.Random(f"{SEED}/{split}")
        documents: list[Document] = []
        while len(documents) < size * len(scripts):
            script = scripts[len(documents) // size]
            document = _document(script, slots, people, rng)
            fits = len(document) in LENGTHS and document not in seen
            if fits and not elsewhere.intersection(document):
                documents.append(document)
                seen.add(document)
        elsewhere |= {sentence for document in documents for sentence in document}
        splits[split] = shuffled(rng, documents)
    return splits


def read_people(path: Path) -> list[Person]:
    """Read names with the words that stand for them.

    Raises:
        InputError: a line is of another form.
    """
    people: list[Person] = []
    for line in lines(path):
        words, _, names = line.partition(": ")
        if len(words.split()) != 3 or not names:
            raise InputError(f"{path}: got {line!r}, expected 'he him his: name, name'")
        he, him, his = words.split()
        people += [(name.strip(), he, him, his) for name in names.split(",")]
    return people


def _document(
    script: Script, slots: Mapping[str, str], people: Sequence[Person], rng: random.Random
) -> Document:
    own = dict(slots)
    left = list(people)
    for letter in PEOPLE:
        person = left.pop(int(rng.random() * len(left)))
        forms = (letter, *(f"{letter}.{form}" for form in ("he", "him", "his")))
        own |= dict(zip(forms, person, strict=True))
    return tuple(finish(sentence) for sentence in write(script, own, rng, TOLD).values())


def render(documents: Sequence[Document]) -> str:
    """Return one sentence a line, a blank line between documents."""
    return "\n\n".join("\n".join(document) for document in documents) + "\n"
