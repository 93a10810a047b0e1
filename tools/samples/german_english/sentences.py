"""Sentences of the German-English grammar: statements, questions and clauses within clauses."""

from collections.abc import Callable
from dataclasses import replace

from tools.samples.german_english import clauses as order
from tools.samples.german_english.being import (
    being,
    by_person,
    comparing,
    predicate,
    there_is,
)
from tools.samples.german_english.clauses import Clause
from tools.samples.german_english.draw import Draw
from tools.samples.german_english.lexicon import Said
from tools.samples.german_english.phrases import WHO, Phrase, pronoun_for, relative_pronoun
from tools.samples.grammar import pick, pick_weighted

# First person, third person, plural, English.
_SAYING = (
    ("sage", "sagt", "sagen", "say"),
    ("glaube", "glaubt", "glauben", "think"),
    ("weiß", "weiß", "wissen", "know"),
    ("hoffe", "hofft", "hoffen", "hope"),
)
_TRYING = (
    ("versuche", "versucht", "versuchen", "try"),
    ("vergesse", "vergisst", "vergessen", "forget"),
    ("plane", "plant", "planen", "plan"),
    ("beginne", "beginnt", "beginnen", "begin"),
)
_KNOWING = (
    ("kenne", "kennt", "kennen", "know"),
    ("mag", "mag", "mögen", "like"),
    ("sehe", "sieht", "sehen", "see"),
)
_MEANT = ("now",)  # only verbs with an -ing form: nobody goes somewhere to lose a key


def sentence(draw: Draw) -> Said:
    """Return one pair, with capital letters and an end."""
    frames = list(_FRAMES)
    frame = pick_weighted(draw.rng, frames, [_FRAMES[frame] for frame in frames])
    clause = frame(draw)
    end = "?" if frame in (_yes_or_no, _asking) else "."
    return Said(_capital(clause.de) + end, _capital(clause.en) + end)


def _main(draw: Draw) -> Said:
    return _stated(draw, draw.clause())


def _stated(draw: Draw, clause: Clause) -> Said:
    fronts = {"subject": 6}
    if clause.time is not None:
        fronts["time"] = 4
    if clause.place is not None and clause.verb.frame in ("acc", "none") and not clause.negated:
        fronts["place"] = 3
    known = clause.accusative
    if known is not None and known.gender == "m" and not (known.negative or known.pronoun):
        fronts["accusative"] = 1  # only "den" tells who does it and to whom
    front = pick_weighted(draw.rng, list(fronts), list(fronts.values()))
    return Said(order.german_main(clause, front), order.english_main(clause, front))


def _yes_or_no(draw: Draw) -> Said:
    clause = draw.clause(negated=0)
    return Said(order.german_question(clause), order.english_question(clause))


def _asking(draw: Draw) -> Said:
    clause = draw.clause(negated=0)
    words = [(Said("warum", "why"), "")]
    if clause.tense != "now":
        words.append((Said("wann", "when"), "time"))
    if clause.place is not None:
        away = clause.verb.frame in ("go", "ride")
        words.append((Said("wohin" if away else "wo", "where"), "place"))
    if clause.accusative is not None and clause.verb.frame == "acc":
        human = clause.verb.objects == ("person",)
        words.append((Said("wen", "who") if human else Said("was", "what"), "accusative"))
    if draw.chance(0.2):
        someone = replace(clause, subject=WHO)
        return Said(order.german_main(someone, "subject"), order.english_main(someone))
    word, part = pick(draw.rng, words)
    asked = clause.without(part) if part else clause
    return Said(order.german_question(asked, word.de), order.english_question(asked, word.en))


def _two(draw: Draw) -> Said:
    first, second = (draw.clause(timed=0.5, tenses=("present", "past")) for _ in range(2))
    word = pick(draw.rng, (Said("und", "and"), Said("aber", "but")))
    one, two = _stated(draw, first), _stated(draw, second)
    return Said(f"{one.de}, {word.de} {two.de}", f"{one.en}, {word.en} {two.en}")


def _when(draw: Draw) -> Said:
    """Join two clauses at the same time; either may come first."""
    word, tense = pick(
        draw.rng, ((Said("wenn", "when"), "present"), (Said("während", "while"), "now"))
    )
    inner, outer = (draw.clause(tenses=(tense,), timed=0, negated=0.05) for _ in range(2))
    return _joined(draw, word, inner, outer)


def _before(draw: Draw) -> Said:
    """Return the same person twice, the second time as a pronoun."""
    subject = draw.someone()
    again = pronoun_for(subject)
    if again is None:
        return _when(draw)
    tense = pick(draw.rng, ("present", "past"))
    first = draw.clause(tenses=(tense,), subject=subject, timed=0, negated=0, frames=("none", "go"))
    second = draw.clause(tenses=(tense,), subject=again, timed=0, negated=0)
    return _subordinate_first(Said("bevor", "before"), first, second)


def _joined(draw: Draw, word: Said, inner: Clause, outer: Clause) -> Said:
    if draw.chance(0.5):
        return _subordinate_first(word, inner, outer)
    main = Said(order.german_main(outer, "subject"), order.english_main(outer))
    return Said(
        f"{main.de}, {word.de} {order.german_last(inner)}",
        f"{main.en} {word.en} {order.english_main(inner)}",
    )


def _subordinate_first(word: Said, inner: Clause, outer: Clause) -> Said:
    return Said(
        f"{word.de} {order.german_last(inner)}, {order.german_question(outer)}",
        f"{word.en} {order.english_main(inner)}, {order.english_main(outer)}",
    )


def _reason(draw: Draw) -> Said:
    """Return a reason: the weather, or how someone feels."""
    tense = pick(draw.rng, ("present", "past"))
    clause = draw.clause(tenses=(tense,), timed=0.4)
    reason = draw.adverbial("reason past" if tense == "past" else "reason now")
    again = pronoun_for(clause.subject)
    if clause.verb.subjects[0] == "person" and again is not None and draw.chance(0.5):
        word = pick(draw.rng, (Said("weil", "because"), Said("obwohl", "although")))
        how, verb = predicate(draw, again, "feeling", tense)
        reason = Said(
            f"{word.de} {again.case('nominative')} {how.de} {verb}",
            f"{word.en} {again.english[0]} {how.en}",
        )
    if draw.chance(0.5):
        main = _stated(draw, clause)
        return Said(f"{main.de}, {reason.de}", f"{main.en} {reason.en}")
    return Said(
        f"{reason.de}, {order.german_question(clause)}",
        f"{reason.en}, {order.english_main(clause)}",
    )


def _that(draw: Draw) -> Said:
    said, subject = _matrix(draw, _SAYING)
    clause = draw.clause()
    inner = Said(order.german_last(clause), order.english_main(clause))
    if said.en.endswith(("know", "knows")) and draw.chance(0.5):
        word = "do" if subject.person != "3s" else "does"
        who = subject.english[0]
        return Said(f"{said.de} nicht, ob {inner.de}", f"{who} {word} not know whether {inner.en}")
    return Said(f"{said.de}, dass {inner.de}", f"{said.en} that {inner.en}")


def _matrix(draw: Draw, verbs: tuple[tuple[str, str, str, str], ...]) -> tuple[Said, Phrase]:
    subject = draw.someone()
    *german, english = pick(draw.rng, verbs)
    verb = by_person(german, subject)
    words = order.third_person(english) if subject.person == "3s" else english
    return Said(f"{subject.case('nominative')} {verb}", f"{subject.english[0]} {words}"), subject


def _trying(draw: Draw) -> Said:
    said, subject = _matrix(draw, _TRYING)
    clause = draw.clause(subject=subject, tenses=_MEANT, timed=0, negated=0)
    return Said(
        f"{said.de}, {order.german_infinitive(clause)}",
        f"{said.en} {order.english_infinitive(clause)}",
    )


def _in_order_to(draw: Draw) -> Said:
    clause = draw.clause(
        subject=draw.someone(), frames=("go", "ride"), tenses=("present", "past", "future"),
        negated=0, timed=0.6,
    )  # fmt: skip
    aim = draw.clause(
        subject=clause.subject, frames=("acc", "dat"), tenses=_MEANT, timed=0, negated=0
    )
    main = _stated(draw, clause)
    return Said(
        f"{main.de}, um {order.german_infinitive(aim)}",
        f"{main.en} {order.english_infinitive(aim)}",
    )


def _relative(draw: Draw) -> Said:
    """Return a clause about its subject or its object."""
    clause = draw.clause(
        frames=("acc", "none", "go"), tenses=("present", "past"), timed=0.6, negated=0.05
    )
    head, part, case = clause.subject, "subject", "nominative"
    known = clause.accusative
    if known is not None and known.noun is not None and not known.negative and draw.chance(0.5):
        head, part, case = known, "accusative", "accusative"
    if head.noun is None:
        return _stated(draw, clause)
    about = "who" if "person" in head.noun.kinds else "that"
    if part == "subject":
        words = " ".join(word for word in order.english_predicate(clause) if word)
    else:
        words = order.english_main(clause.without("accusative"))
    german = f"{relative_pronoun(head, case)} {order.german_last(clause, without=part)}"
    if head.described or draw.chance(0.3):
        matrix, _ = _matrix(draw, _KNOWING)
        return Said(
            f"{matrix.de} {head.case('accusative')}, {german}",
            f"{matrix.en} {head.english[1]} {about} {words}",
        )
    tense = pick(draw.rng, ("present", "past"))
    what, verb = predicate(draw, head, head.noun, tense)
    return Said(
        f"{head.case('nominative')}, {german}, {verb} {what.de}",
        f"{head.english[0]} {about} {words} {what.en}",
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


_FRAMES: dict[Callable[[Draw], Said], int] = {
    _main: 34,
    _yes_or_no: 9,
    _asking: 9,
    _two: 4,
    _when: 7,
    _before: 4,
    _reason: 10,
    _that: 9,
    _trying: 5,
    _in_order_to: 5,
    _relative: 11,
    being: 6,
    comparing: 4,
    there_is: 4,
}
