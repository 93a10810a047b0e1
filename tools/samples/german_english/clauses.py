"""Clauses of the German-English grammar: one meaning, and the order of its words in each language.

German has its finite verb second, or last in a subordinate clause, and frames the rest with it;
English keeps subject, verb and object together and puts time last.
"""

from dataclasses import dataclass, replace

from tools.samples.german_english.lexicon import Said, Verb
from tools.samples.german_english.phrases import Phrase

_HAVE = {"1s": "habe", "3s": "hat", "1p": "haben", "3p": "haben"}
_BE = {"1s": "bin", "3s": "ist", "1p": "sind", "3p": "sind"}
_WILL = {"1s": "werde", "3s": "wird", "1p": "werden", "3p": "werden"}
_AM = {"1s": "am", "3s": "is", "1p": "are", "3p": "are"}
# German singular and plural, English; those with a "to" are ordinary verbs there.
MODALS = {
    "can": ("kann", "können"),
    "should": ("soll", "sollen"),
    "may": ("darf", "dürfen"),
    "want to": ("will", "wollen"),
    "have to": ("muss", "müssen"),
}


@dataclass(frozen=True)
class Clause:
    """Who does what to whom, when and where.

    `tense` is present, now (English: -ing), past, future or a modal of MODALS.
    """

    subject: Phrase
    verb: Verb
    tense: str
    accusative: Phrase | None = None
    dative: Phrase | None = None
    time: Said | None = None
    means: Said | None = None
    place: Said | None = None
    negated: bool = False

    def without(self, part: str) -> "Clause":
        """Return the clause less one of its parts."""
        return replace(self, **{part: None})


# --- German


def german_main(clause: Clause, front: str) -> str:
    """Put the finite verb second; `front` (subject, time, place, accusative) comes before it."""
    finite, tail = _german_verb(clause)
    first = _fronted(clause, front)
    rest = _german_middle(clause, without=front)
    return _joined([first, finite, *rest, tail])


def german_question(clause: Clause, word: str = "") -> str:
    """Put the finite verb first, or after a question word; also after a subordinate clause."""
    finite, tail = _german_verb(clause)
    return _joined([word, finite, *_german_middle(clause), tail])


def german_last(clause: Clause, without: str = "") -> str:
    """Put the finite verb last, as after "dass" and in relative clauses."""
    finite, tail = _german_verb(clause)
    end = tail + finite if tail and tail == clause.verb.prefix else _joined([tail, finite])
    return _joined([*_german_middle(clause, without), end])


def german_infinitive(clause: Clause) -> str:
    """Return the infinitive with "zu", which a prefix takes in."""
    verb = clause.verb
    zu = f"{verb.prefix}zu{verb.infinitive}" if verb.prefix else f"zu {verb.infinitive}"
    return _joined([*_german_middle(clause, without="subject"), zu])


def _german_verb(clause: Clause) -> tuple[str, str]:
    """Return the finite verb and what stands at the end of the frame."""
    verb, person = clause.verb, clause.subject.person
    whole = verb.prefix + verb.infinitive
    if clause.tense in ("present", "now"):
        stem = verb.infinitive.removesuffix("n").removesuffix("e")
        forms = {"1s": stem + "e", "3s": verb.third}
        return forms.get(person, verb.infinitive), verb.prefix
    if clause.tense == "past":
        return (_BE if verb.auxiliary == "sein" else _HAVE)[person], verb.participle
    if clause.tense == "future":
        return _WILL[person], whole
    return MODALS[clause.tense][person.endswith("p")], whole


def _german_middle(clause: Clause, without: str = "") -> list[str]:
    """Order what is known, then when, then how and where, then what is new."""
    accusative = clause.accusative if without != "accusative" else None
    known = accusative is not None and accusative.definite
    pronoun = known and accusative.pronoun
    new_negative = accusative is not None and accusative.negative
    what = accusative.case("accusative") if accusative is not None else ""
    return [
        clause.subject.case("nominative") if without != "subject" else "",
        what if pronoun else "",
        clause.dative.case("dative") if clause.dative is not None else "",
        what if known and not pronoun else "",
        clause.time.de if clause.time is not None and without != "time" else "",
        "nicht" if clause.negated and not new_negative else "",
        clause.means.de if clause.means is not None else "",
        clause.place.de if clause.place is not None and without != "place" else "",
        "" if known else what,
    ]


def _fronted(clause: Clause, front: str) -> str:
    part = getattr(clause, front)
    if isinstance(part, Phrase):
        return part.case("accusative" if front == "accusative" else "nominative")
    return part.de


# --- English


def english_main(clause: Clause, front: str = "subject") -> str:
    """Order subject, verb, objects, place, means, time; time or place may come first."""
    first = getattr(clause, front).en if front in ("time", "place") else ""
    rest = clause.without(front) if first else clause
    return _joined([first, clause.subject.english[0], *english_predicate(rest)])


def english_question(clause: Clause, word: str = "") -> str:
    """Put the auxiliary before the subject."""
    auxiliary, rest = _english_verb(clause, auxiliary=True)
    return _joined([word, auxiliary, clause.subject.english[0], rest, *_english_rest(clause)])


def english_predicate(clause: Clause) -> list[str]:
    """Return all but the subject."""
    auxiliary, rest = _english_verb(clause, auxiliary=clause.negated)
    if clause.negated:
        auxiliary = "cannot" if auxiliary == "can" else f"{auxiliary} not"
    return [auxiliary, rest, *_english_rest(clause)]


def english_infinitive(clause: Clause) -> str:
    """Return the infinitive with "to"."""
    return _joined(["to", clause.verb.en, *_english_rest(clause)])


def third_person(verb: str) -> str:
    """Turn "carry off" into "carries off"."""
    word, _, particle = verb.partition(" ")
    if word == "have":
        word = "has"
    elif word.endswith(("s", "x", "z", "ch", "sh", "o")):
        word += "es"
    elif word.endswith("y") and word[-2] not in "aeiou":
        word = word[:-1] + "ies"
    else:
        word += "s"
    return f"{word} {particle}".strip()


def _english_verb(clause: Clause, auxiliary: bool) -> tuple[str, str]:
    """Return the auxiliary, if the tense or the clause needs one, and the rest of the verb."""
    tense, verb, person = clause.tense, clause.verb, clause.subject.person
    if tense == "now":
        return _AM[person], str(verb.en_ing)
    if tense == "future":
        return "will", verb.en
    if tense in MODALS and not tense.endswith(" to"):
        return tense, verb.en
    plain = f"{tense} {verb.en}" if tense in MODALS else verb.en
    if tense == "past":
        return ("did", plain) if auxiliary else ("", verb.en_past)
    if person == "3s":
        return ("does", plain) if auxiliary else ("", third_person(plain))
    return ("do", plain) if auxiliary else ("", plain)


def _english_rest(clause: Clause) -> list[str]:
    accusative = clause.accusative.english[1] if clause.accusative is not None else ""
    dative = clause.dative.english[1] if clause.dative is not None else ""
    told = clause.verb.frame == "tell"
    return [
        accusative if told else dative,
        (f"to {dative}" if dative else "") if told else accusative,
        *(part.en if part is not None else "" for part in (clause.place, clause.means)),
        clause.time.en if clause.time is not None else "",
    ]


def _joined(parts: list[str]) -> str:
    return " ".join(part for part in parts if part)
