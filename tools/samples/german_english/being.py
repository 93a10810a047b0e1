"""Sentences of the German-English grammar that say how something is, or that it is there."""

from collections.abc import Sequence

from tools.samples.german_english.draw import Draw
from tools.samples.german_english.lexicon import Noun, Said
from tools.samples.german_english.phrases import Phrase
from tools.samples.grammar import pick

_BE = {
    "present": (("bin", "ist", "sind"), {"1s": "am", "3s": "is", "1p": "are", "3p": "are"}),
    "past": (("war", "war", "waren"), {"1s": "was", "3s": "was", "1p": "were", "3p": "were"}),
}
_DEGREES = (Said("", ""), Said("sehr", "very"), Said("zu", "too"), Said("nicht", "not"))
_COMPARED = ("person", "animal", "clothes", "building", "text", "vehicle")
_THINGS = ("animal", "clothes", "machine", "vehicle", "building", "food", "text", "room")


def by_person(forms: Sequence[str], subject: Phrase) -> str:
    """Return the form of a verb (first person, third person, plural) that goes with a subject."""
    return forms[{"1s": 0, "3s": 1}.get(subject.person, 2)]


def predicate(draw: Draw, subject: Phrase, about: Noun | str, tense: str) -> tuple[Said, str]:
    """Return how something is: (German without its verb, English with it), and the German verb.

    Args:
        about: what the adjective can be said of, a noun or a kind.
    """
    german, english = _BE[tense]
    adjective = pick(draw.rng, draw.lexicon.adjectives_of(about)).positive
    degree = pick(draw.rng, _DEGREES)
    english_words = (english[subject.person], degree.en, adjective.en)
    return (
        Said(f"{degree.de} {adjective.de}".strip(), " ".join(w for w in english_words if w)),
        by_person(german, subject),
    )


def being(draw: Draw) -> Said:
    """Return how someone or something is."""
    kinds = pick(draw.rng, (("person",), _THINGS))
    subject = draw.phrase(kinds, "subject", adjective=0)
    if kinds == ("person",) and draw.chance(0.3):
        subject = draw.pronoun()
    about = subject.noun or "person"
    what, verb = predicate(draw, subject, about, pick(draw.rng, ("present", "past")))
    return Said(f"{subject.case('nominative')} {verb} {what.de}", f"{subject.english[0]} {what.en}")


def comparing(draw: Draw) -> Said:
    """Return which of two is more so."""
    kind = pick(draw.rng, _COMPARED)
    first, second = (draw.phrase((kind,), "plain", adjective=0) for _ in range(2))
    shared = draw.lexicon.adjectives_of(second.noun)
    words = [
        word.comparative
        for word in draw.lexicon.adjectives_of(first.noun)
        if word.comparative is not None and word in shared
    ]
    if not words or first.noun == second.noun:
        return being(draw)
    word = pick(draw.rng, words)
    german, english = _BE["present"]
    return Said(
        f"{first.case('nominative')} {by_person(german, first)} {word.de} als "
        f"{second.case('nominative')}",
        f"{first.english[0]} {english[first.person]} {word.en} than {second.english[0]}",
    )


def there_is(draw: Draw) -> Said:
    """Return who or what is somewhere."""
    what = draw.phrase(("animal", "building", "person"), "indefinite", adjective=0.5)
    place = draw.adverbial("outside")
    tense = pick(draw.rng, ("present", "past"))
    es = "gibt es" if tense == "present" else "gab es"
    is_ = _BE[tense][1][what.person]
    return Said(
        f"{place.de} {es} {what.case('accusative')}", f"there {is_} {what.english[0]} {place.en}"
    )
