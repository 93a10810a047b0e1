"""Turn the grammar of news into documents whose names are tagged, half of them new in dev and test.

The grammar decides where a name stands, `news` which names there are and who may know them.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from tools.samples.grammar import pick, read_slots, shuffled
from tools.samples.news import tagged
from tools.samples.news.names import Cast, Names
from tools.samples.news.tagged import Word
from tools.samples.scripts import Script, read_scripts, write

SEED = 13
SIZES = {"train": 2400, "dev": 300, "test": 300}  # sentences, at least
ENDING = ".conll"
ROWS = "documents"
LENGTHS = range(3, 9)  # sentences of a document
TOLD = 0.6  # chance of a stage that may be left out
HEADLINE = "head?"
CAPITALS = 0.4  # of the headlines
DOCUMENT = "-DOCSTART-"

Sentence = tuple[Word, ...]
Document = list[Sentence]


def key(sentence: Iterable[Word]) -> str:
    """Return what makes two sentences the same: their words, case-folded."""
    return " ".join(word.text.casefold() for word in sentence)


def generate(folder: Path) -> dict[str, list[Document]]:
    """Return all documents of train, dev and test; a pure function of the folder and `SEED`.

    No sentence of three words or more is in two splits.
    """
    slots, names = read_slots(folder / "slots.txt"), Names(folder)
    scripts = read_scripts(folder / "topics")
    splits: dict[str, list[Document]] = {}
    elsewhere: set[str] = set()
    for split, size in SIZES.items():
        rng = random.Random(f"{SEED}/{split}")
        known = [_known(script, split) for script in scripts]
        documents = splits[split] = []
        here: set[str] = set()
        while sum(map(len, documents)) < size:
            document = _document(pick(rng, known), slots, names.cast(split, rng), rng)
            keys = {key(sentence) for sentence in document if len(sentence) > 2}
            if len(document) in LENGTHS and not keys & elsewhere:
                documents.append(document)
                here |= keys
        elsewhere |= here
    return splits


def _known(script: Script, split: str) -> Script:
    """Return the structures of a split: a stage of four or more keeps one for dev, one for test.

    One without a slot would give the same sentence everywhere, so it has one split only.
    """
    fixed = [
        each for structures in script.stages.values() for each in structures if "{" not in each
    ]
    fixed = shuffled(random.Random(f"{SEED}/{script.name}"), fixed)
    own = dict(zip(fixed, cycle(("train", "dev", "train", "test")), strict=False))
    stages: dict[str, Sequence[str]] = {}
    for stage, structures in script.stages.items():
        order = shuffled(random.Random(f"{SEED}/{script.name}/{stage}"), structures)
        held = dict(zip(order, ("dev", "test"), strict=False)) if len(order) > 3 else {}
        held |= {each: own[each] for each in structures if each in own}
        kept = [each for each in structures if held.get(each, split) == split]
        if kept:
            stages[stage] = kept
    return replace(script, stages=stages)


def _document(script: Script, slots: Mapping[str, str], cast: Cast, rng: random.Random) -> Document:
    document: Document = []
    spoken: set[str] = set()
    for stage, sentence in write(script, slots | tagged.slots(cast), rng, TOLD).items():
        if stage == HEADLINE:  # short, and the text does not rely on it
            headline = tagged.words(tagged.spell(sentence, cast, set(cast)))
            document.append(tagged.shout(headline) if rng.random() < CAPITALS else headline)
        else:
            document.append(tagged.words(tagged.spell(sentence, cast, spoken)))
    return document


def render(documents: Sequence[Document]) -> str:
    """Render CoNLL: a word and its tag a line, a blank line behind each sentence."""
    blocks: list[str] = []
    for document in documents:
        blocks.append(f"{DOCUMENT}\t{tagged.OUTSIDE}")
        blocks += ["\n".join("\t".join(word) for word in sentence) for sentence in document]
    return "\n\n".join(blocks) + "\n"
