"""Turn a folder of intent grammars into labelled utterances, split so that dev and test generalise.

One `<label>.txt` per intent. Some structures of every intent are kept for dev, some for test, so a
model is judged on sentence shapes that it never saw, next to ones it did.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfapps.errors import InputError
from tools.samples import table
from tools.samples.grammar import (
    Grammar,
    add_typo,
    expand,
    pick,
    pick_weighted,
    read_grammar,
    read_slots,
    shuffled,
)

SEED = 13
SPLITS = ("train", "dev", "test")
COLUMNS = ("text", "label")
ENDING = table.ENDING
ROWS = "rows"
HELD_OUT = 0.18  # of the structures, half of it for dev and half for test
UNSEEN = 0.4  # at most this much of dev, and of test, is made of held-out structures
SHARES = {"dev": 0.14, "test": 0.14}  # of the rows drawn; surplus held-out rows are dropped
MAX_LENGTH = 200
COUNT = 150

_GREETINGS = ("hi, ", "hello, ", "hi there, ", "hello there. ", "good morning, ", "hey, ")
_OPENERS = ("quick question: ", "sorry to bother you, ", "just one thing: ", "maybe you know: ")
_CLOSERS = (" thanks", " thank you", " please help", " thanks in advance", " please", " regards")
_GOODS = {"item", "items", "device", "wear", "wears"}
_QUESTION = re.compile(
    r"(what|where|when|who|why|which|how|can|could|would|will|do|does|did|is|are|has|have|am|may)\b"
    r"(?!.*[.:?] )"
)
_CONTRACTIONS = (
    ("I'm", "I am"),
    ("I've", "I have"),
    ("can't", "cannot"),
    ("don't", "do not"),
    ("doesn't", "does not"),
    ("isn't", "is not"),
    ("won't", "will not"),
    ("hasn't", "has not"),
    ("there's", "there is"),
)


@dataclass(frozen=True)
class Row:
    """One utterance, its label and the index of the structure it was drawn from."""

    text: str
    label: str
    structure: int


def key(text: str) -> str:
    """Return what makes two utterances the same: letters and digits only, case-folded."""
    return re.sub(r"[^a-z0-9]+", "", text.casefold())


def read_folder(folder: Path) -> tuple[list[Grammar], dict[str, str], dict[str, Grammar]]:
    """Read intents by name, slots, and context sentences that may come before an utterance."""
    slots = read_slots(folder / "_slots.txt")
    intents = [read_grammar(p) for p in sorted(folder.glob("*.txt")) if p.name[0] != "_"]
    contexts = {
        path.stem.removeprefix("_context_"): read_grammar(path)
        for path in sorted(folder.glob("_context_*.txt"))
    }
    return intents, slots, contexts


def generate(folder: Path) -> dict[str, list[Row]]:
    """Return shuffled rows of train, dev and test; a pure function of folder and `SEED`."""
    intents, slots, contexts = read_folder(folder)
    splits: dict[str, list[Row]] = {name: [] for name in SPLITS}
    seen: set[str] = set()
    for intent in intents:
        rng = random.Random(f"{SEED}/{intent.name}")
        rows = _draw_rows(intent, slots, _chosen(intent, contexts), rng, seen)
        for name, part in _split(rows, held_out(intent), rng).items():
            splits[name].extend(part)
    return {n: shuffled(random.Random(f"{SEED}/{n}"), rows) for n, rows in splits.items()}


def render(rows: Sequence[Row]) -> str:
    """Return the text of a file with these rows."""
    return table.render(COLUMNS, rows)


def held_out(intent: Grammar) -> dict[str, set[int]]:
    """Return the structures that only dev, and only test, may show."""
    order = shuffled(random.Random(f"{SEED}/{intent.name}/held"), range(len(intent.structures)))
    each = max(1, round(len(order) * HELD_OUT / 2))
    return {"dev": set(order[:each]), "test": set(order[each : 2 * each])}


def _chosen(intent: Grammar, contexts: Mapping[str, Grammar]) -> list[str]:
    name = intent.settings.get("context", "none")
    if name == "none":
        return []
    if name not in contexts:
        known = ", ".join(["none", *contexts])
        raise InputError(f"{intent.name}.txt: got @context {name}, expected one of {known}")
    return list(contexts[name].structures)


def _draw_rows(
    intent: Grammar,
    slots: Mapping[str, str],
    contexts: Sequence[str],
    rng: random.Random,
    seen: set[str],
) -> list[Row]:
    setting = intent.settings.get("count", str(COUNT))
    if not setting.isdecimal():
        raise InputError(f"{intent.name}.txt: got @count {setting}, expected a whole number")
    count = int(setting)
    polite = intent.settings.get("polite", "on") == "on"
    rows: list[Row] = []
    for _ in range(count * 40):
        if len(rows) == count:
            break
        at = pick_weighted(rng, range(len(intent.structures)), intent.weights)
        core = expand(intent.structures[at], slots, rng)
        before = _fitting(contexts, intent.structures[at])
        context = expand(pick(rng, before), slots, rng) if before and rng.random() < 0.16 else ""
        text = _surface(core, context, rng, polite)
        if len(text) <= MAX_LENGTH and key(text) not in seen:
            seen.add(key(text))
            rows.append(Row(text, intent.name, at))
    return rows


def _fitting(contexts: Sequence[str], structure: str) -> list[str]:
    """Return contexts that share no slot with the structure: no message names two products."""
    used = set(re.findall(r"\{(\w+)\}", structure))
    used |= _GOODS if used & _GOODS else set()
    return [c for c in contexts if not used & set(re.findall(r"\{(\w+)\}", c))]


def _surface(core: str, context: str, rng: random.Random, polite: bool) -> str:
    """Dress a bare utterance the way people type: manners, context, case, punctuation, slips."""
    mood = rng.random()
    if rng.random() < 0.25:
        for short, long in _CONTRACTIONS:
            core = core.replace(short, long)
    if core[-1] not in ".?!" and len(core.split()) > 3:
        core += "?" if _QUESTION.match(core) else "."
    core = f"{context} {core}" if context else core
    if polite:
        core = _manners(core, rng)
    text = _cased(core, mood)
    return add_typo(text, rng) if rng.random() < 0.09 else text


def _manners(core: str, rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.1:
        core = pick(rng, _GREETINGS) + core
    elif draw < 0.15:
        core = pick(rng, _OPENERS) + core
    if rng.random() < 0.08 and not re.search(r"please|thank|help", core):
        end = pick(rng, _CLOSERS)
        core = f"{core}{end}" if core[-1] in ".?!" else f"{core},{end}"
    return core


def _cased(text: str, mood: float) -> str:
    if mood < 0.55:
        return re.sub(r"(^|[.?!] )([a-z])", lambda m: m[1] + m[2].upper(), text)
    if mood < 0.8:
        return text.lower().rstrip(".?!")
    if mood < 0.9:
        return text.lower().replace("'", "")
    if mood < 0.92:
        return text.upper()
    return text.rstrip(".")


def _split(
    rows: Sequence[Row], held: Mapping[str, set[int]], rng: random.Random
) -> dict[str, list[Row]]:
    """Split rows: held-out structures go to their split, shared ones fill each up to its share."""
    parts: dict[str, list[Row]] = {name: [] for name in SPLITS}
    shared: list[Row] = []
    for row in rows:
        home = next((name for name, structures in held.items() if row.structure in structures), "")
        (parts[home] if home else shared).append(row)
    shared = shuffled(rng, shared)
    for name in ("dev", "test"):
        room = round(len(rows) * SHARES[name])
        parts[name] = parts[name][: round(room * UNSEEN)]
        take = room - len(parts[name])
        parts[name] += shared[:take]
        shared = shared[take:]
    parts["train"] = shared
    return parts
