"""Draws of the German-English grammar: words that go together, in phrases and clauses."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tools.samples.german_english import phrases
from tools.samples.german_english.clauses import MODALS, Clause
from tools.samples.german_english.lexicon import NUMBERS, Lexicon, Said, Verb
from tools.samples.german_english.phrases import COUNTED, OWNED, PRONOUNS, Determiner, Phrase
from tools.samples.grammar import pick, pick_weighted

# Determiner, plural, weight; COUNTED and OWNED stand for one of theirs.
_PLAIN = (
    (phrases.THE, False, 8),
    (phrases.THIS, False, 2),
    (OWNED, False, 3),
    (phrases.THE, True, 4),
)
_SUBJECT = (
    *_PLAIN,
    (phrases.A, False, 2),
    (phrases.EVERY, False, 1),
    (phrases.ALL, True, 1),
    (phrases.MANY, True, 1),
    (COUNTED, True, 2),
)
_OBJECT = (
    *_PLAIN,
    (phrases.A, False, 8),
    (phrases.BARE, True, 2),
    (phrases.MANY, True, 1),
    (COUNTED, True, 4),
)
_DENIED = (*_PLAIN, (phrases.NO, False, 6), (phrases.NO, True, 3))
_INDEFINITE = (
    (phrases.A, False, 4),
    (phrases.MANY, True, 2),
    (COUNTED, True, 4),
)
_OF_KIN = ((OWNED, False, 3), (phrases.THE, False, 1))
ROLES = {
    "plain": _PLAIN,
    "subject": _SUBJECT,
    "object": _OBJECT,
    "denied": _DENIED,
    "indefinite": _INDEFINITE,
}
_FRAMES = {"acc": 9, "dat": 2, "give": 3, "tell": 1, "none": 5, "go": 2, "ride": 2}
_TENSES = {"present": 5, "now": 2, "past": 6, "future": 3, "modal": 3}
_TIMED = {"present": 0.5, "now": 1.0, "past": 0.6, "future": 0.7, "modal": 0.4}


@dataclass(frozen=True)
class Draw:
    """A lexicon and the dice."""

    lexicon: Lexicon
    rng: random.Random

    def chance(self, share: float) -> bool:
        """Return true in that share of all cases."""
        return self.rng.random() < share

    def phrase(
        self, kinds: Sequence[str], role: str, subject: Phrase | None = None, adjective: float = 0.3
    ) -> Phrase:
        """Return a noun of one of the kinds, with its article and adjective.

        Args:
            role: one of ROLES.
            subject: of the same clause, who may own the thing.
            adjective: how often there is one.
        """
        nouns = self.lexicon.nouns_of(kinds)
        if role == "indefinite":
            nouns = [noun for noun in nouns if "kin" not in noun.kinds]
        noun = pick(self.rng, nouns)
        options = _OF_KIN if "kin" in noun.kinds else ROLES[role]
        at = pick_weighted(self.rng, range(len(options)), [weight for *_, weight in options])
        determiner, plural, _ = options[at]
        if determiner is COUNTED:
            determiner = pick(self.rng, COUNTED)
        elif determiner is OWNED:
            determiner = phrases.THE if "free" in noun.kinds else self._owner(subject)
        fitting = self.lexicon.adjectives_of(noun)
        word = pick(self.rng, fitting) if fitting and self.chance(adjective) else None
        return phrases.noun_phrase(noun, determiner, plural, word)

    def someone(self, kinds: Sequence[str] = ("person",), role: str = "plain") -> Phrase:
        """Return a subject; now and then a pronoun, if it may be a person."""
        if "person" in kinds and self.chance(0.3):
            return self.pronoun()
        return self.phrase(kinds, role)

    def pronoun(self) -> Phrase:
        """Draw someone who was spoken of before."""
        return pick(self.rng, list(PRONOUNS.values()))

    def adverbial(self, *kinds: str) -> Said:
        """Draw when, where, how or why."""
        adverb = pick(self.rng, [one for kind in kinds for one in self.lexicon.adverbials[kind]])
        de, en = pick(self.rng, NUMBERS)
        return Said(adverb.de.replace("{n}", de), adverb.en.replace("{n}", en))

    def clause(
        self,
        *,
        frames: Sequence[str] = tuple(_FRAMES),
        tenses: Sequence[str] = tuple(_TENSES),
        subject: Phrase | None = None,
        timed: float = 1.0,
        negated: float = 0.12,
    ) -> Clause:
        """Return a clause of one of the frames.

        Args:
            tenses: to choose from; `modal` stands for all of MODALS.
            timed: what the usual share of times is multiplied by.
            negated: how often it is.
        """
        tense = pick_weighted(self.rng, tenses, [_TENSES[tense] for tense in tenses])
        verb = self._verb(frames, tense, subject)
        no = tense != "now" and self.chance(negated)
        time = self.adverbial(tense) if self.chance(_TIMED[tense] * timed) else None
        if no and tense == "present":
            time = None  # "not every day" is another thing than "every day not"
        if subject is None:
            subject = self.someone(verb.subjects, "plain" if no else "subject")
        accusative = dative = None
        if verb.frame in ("acc", "give", "tell"):
            told = verb.frame == "tell"
            accusative = self._object(
                verb, "plain" if told else "denied" if no else "object", subject
            )
        if verb.frame in ("dat", "give", "tell"):
            kinds = verb.objects if verb.frame == "dat" else ("person",)
            dative = self.phrase(kinds, "plain", subject, adjective=0.15)
        return Clause(
            subject,
            verb,
            pick(self.rng, list(MODALS)) if tense == "modal" else tense,
            accusative,
            dative,
            time,
            self.adverbial("means") if verb.frame == "ride" and self.chance(0.6) else None,
            self._place(verb, subject),
            no,
        )

    def _owner(self, subject: Phrase | None) -> Determiner:
        owners = ["1s", "1p"]
        if subject is not None and subject.person == "3s" and subject.gender in ("m", "f"):
            owners = [*owners, f"3s{subject.gender}", f"3s{subject.gender}"]
        if subject is not None and subject.person in owners:
            owners = [subject.person]
        return OWNED[pick(self.rng, owners)]

    def _verb(self, frames: Sequence[str], tense: str, subject: Phrase | None) -> Verb:
        frame = pick_weighted(self.rng, frames, [_FRAMES[frame] for frame in frames])
        kinds = ("person",) if subject is None or subject.noun is None else subject.noun.kinds
        fitting = [
            verb
            for verb in self.lexicon.verbs
            if verb.frame == frame
            and (tense != "now" or verb.en_ing is not None)
            and (subject is None or set(kinds) & set(verb.subjects))
        ]
        return pick(self.rng, fitting) if fitting else self._verb(("none", "go"), tense, subject)

    def _object(self, verb: Verb, role: str, subject: Phrase) -> Phrase:
        # "picks him up", but "picks the man up" or "picks up the man": no pronoun there.
        if verb.objects == ("person",) and " " not in verb.en and self.chance(0.25):
            third = subject.person.startswith("3")
            return PRONOUNS[pick(self.rng, ["1s", "1p"] if third else ["3sm", "3sf"])]
        return self.phrase(verb.objects, role, subject)

    def _place(self, verb: Verb, subject: Phrase) -> Said | None:
        places = list(verb.places)
        animal = subject.noun is not None and "animal" in subject.noun.kinds
        if animal and "outside" in places:
            places = ["outside"]
        always = verb.frame in ("go", "ride")
        share = 0.5 if verb.frame == "none" else 0.3
        return self.adverbial(*places) if places and (always or self.chance(share)) else None
