"""Noun phrases of the German-English grammar: articles, endings, pronouns."""

from collections.abc import Mapping
from dataclasses import dataclass

from tools.samples.german_english.lexicon import NUMBERS, Adjective, Noun

CASES = ("nominative", "accusative", "dative")
# Endings by gender (p is the plural of all) in the order of CASES.
_THE = {"m": "der den dem", "f": "die die der", "n": "das das dem", "p": "die die den"}
_THIS = {"m": "er en em", "f": "e e er", "n": "es es em", "p": "e e en"}
_A = {"m": "- en em", "f": "e e er", "n": "- - em", "p": "e e en"}
_AFTER_THE = {"m": "e en en", "f": "e e en", "n": "e e en", "p": "en en en"}
_AFTER_A = {"m": "er en en", "f": "e e en", "n": "es es en", "p": "en en en"}
_AFTER_NONE = {"p": "e e en"}


@dataclass(frozen=True)
class Determiner:
    """What stands before a noun.

    `definite` decides where German puts the object, `negative` that English puts a "not".
    """

    stem: str
    endings: Mapping[str, str] | None
    adjective: Mapping[str, str]
    en: str
    en_plural: str
    definite: bool = False
    negative: bool = False


THE = Determiner("", _THE, _AFTER_THE, "the", "the", definite=True)
THIS = Determiner("dies", _THIS, _AFTER_THE, "this", "these", definite=True)
EVERY = Determiner("jed", _THIS, _AFTER_THE, "every", "", definite=True)
ALL = Determiner("all", _THIS, _AFTER_THE, "", "all", definite=True)
A = Determiner("ein", _A, _AFTER_A, "a", "")
NO = Determiner("kein", _A, _AFTER_A, "a", "any", negative=True)
BARE = Determiner("", None, _AFTER_NONE, "", "")
MANY = Determiner("viele", None, _AFTER_NONE, "", "many")
COUNTED = tuple(Determiner(de, None, _AFTER_NONE, "", en) for de, en in NUMBERS)
OWNED = {
    owner: Determiner(stem, _A, _AFTER_A, en, en, definite=True)
    for owner, stem, en in (
        ("1s", "mein", "my"),
        ("1p", "unser", "our"),
        ("3sm", "sein", "his"),
        ("3sf", "ihr", "her"),
    )
}


@dataclass(frozen=True)
class Phrase:
    """A noun phrase or a pronoun.

    Attributes:
        german: its form in each case, in the order of CASES.
        english: as subject and as object.
        person: 1s, 1p, 3s or 3p, which the verb follows.
        gender: m, f or n; p for every plural.
        noun: None in a pronoun.
        described: with an adjective.
    """

    german: tuple[str, ...]
    english: tuple[str, str]
    person: str
    gender: str
    definite: bool = True
    negative: bool = False
    noun: Noun | None = None
    described: bool = False

    @property
    def pronoun(self) -> bool:
        """Return whether it has no noun."""
        return self.noun is None

    def case(self, name: str) -> str:
        """Return the German form in a case."""
        return self.german[CASES.index(name)]


WHO = Phrase(("wer", "wen", "wem"), ("who", "who"), "3s", "")
PRONOUNS = {
    "1s": Phrase(("ich", "mich", "mir"), ("I", "me"), "1s", ""),
    "1p": Phrase(("wir", "uns", "uns"), ("we", "us"), "1p", ""),
    "3sm": Phrase(("er", "ihn", "ihm"), ("he", "him"), "3s", "m"),
    "3sf": Phrase(("sie", "sie", "ihr"), ("she", "her"), "3s", "f"),
    "3p": Phrase(("sie", "sie", "ihnen"), ("they", "them"), "3p", "p"),
}
_RELATIVE = {**_THE, "p": "die die denen"}


def noun_phrase(
    noun: Noun, determiner: Determiner, plural: bool = False, adjective: Adjective | None = None
) -> Phrase:
    """Return a noun with its article and perhaps an adjective, in all its forms."""
    gender = "p" if plural else noun.gender
    form = noun.plural if plural else noun.singular
    german = []
    for number, case in enumerate(CASES):
        words = [_article(determiner, gender, number)]
        if adjective is not None:
            ending = determiner.adjective[gender].split()[number]
            words.append(adjective.positive.de.removesuffix("e") + ending)
        words.append(_dative_plural(form.de) if plural and case == "dative" else form.de)
        german.append(" ".join(word for word in words if word))
    words = [adjective.positive.en] if adjective is not None else []
    words.append(form.en)
    article = determiner.en_plural if plural else determiner.en
    if article == "a" and words[0][0] in "aeiou":
        article = "an"
    english = " ".join([article, *words]).strip()
    person = "3p" if plural else "3s"
    return Phrase(
        tuple(german),
        (english, english),
        person,
        gender,
        determiner.definite,
        determiner.negative,
        noun,
        adjective is not None,
    )


def pronoun_for(phrase: Phrase) -> Phrase | None:
    """Return the pronoun of a phrase; None where the languages differ (das Kind, es)."""
    if phrase.noun is None:
        return phrase
    if phrase.person == "3p":
        return PRONOUNS["3p"]
    human = "person" in phrase.noun.kinds
    if human:
        return {"m": PRONOUNS["3sm"], "f": PRONOUNS["3sf"]}.get(phrase.gender)
    german = {"m": ("er", "ihn", "ihm"), "f": ("sie", "sie", "ihr"), "n": ("es", "es", "ihm")}
    return Phrase(german[phrase.gender], ("it", "it"), "3s", phrase.gender)


def relative_pronoun(phrase: Phrase, case: str) -> str:
    """Return the pronoun of a clause about a phrase: its gender, but the case of its own clause."""
    return _RELATIVE[phrase.gender].split()[CASES.index(case)]


def _article(determiner: Determiner, gender: str, case: int) -> str:
    if determiner.endings is None:
        return determiner.stem
    return determiner.stem + determiner.endings[gender].split()[case].replace("-", "")


def _dative_plural(plural: str) -> str:
    return plural if plural[-1] in "ns" else plural + "n"
