"""The German-English grammar: sentences that are clean, and right in both languages."""

import random
import re

import pytest

from tfapps.errors import InputError
from tools.samples import build, pairs
from tools.samples.german_english import clauses, phrases
from tools.samples.german_english.clauses import Clause
from tools.samples.german_english.draw import Draw
from tools.samples.german_english.lexicon import Said, read
from tools.samples.german_english.phrases import PRONOUNS, noun_phrase
from tools.samples.german_english.sentences import sentence

FOLDER = build.SAMPLES / "sentence_pairs"
LEXICON = read(FOLDER / "grammar")


@pytest.fixture(scope="module")
def rows():
    actual = {}
    for split in pairs.SIZES:
        lines = (FOLDER / f"{split}.tsv").read_text(encoding="utf-8").splitlines()
        assert lines[0] == "de\ten"
        actual[split] = [tuple(line.split("\t")) for line in lines[1:]]
    return actual


# --- the files


def test_dev_and_test_use_words_of_train(rows):
    known = [{w for pair in rows["train"] for w in pair[side].split()} for side in (0, 1)]
    for split in ("dev", "test"):
        for side in (0, 1):
            words = [word for pair in rows[split] for word in pair[side].split()]
            assert sum(word not in known[side] for word in words) < 0.02 * len(words)


def test_sentences_are_clean(rows):
    for pair in (pair for split in rows.values() for pair in split):
        assert pair[0][-1] == pair[1][-1]
        assert not re.search(r"\ba [aeiou]|\ban (?!hour|[aeiou])|\b(\w+) \1\b", pair[1]), pair
        for text in pair:
            assert re.fullmatch(r"[A-ZÄÖÜ][\w', -]+[.?]", text), text
            assert text == " ".join(text.split())
            assert len(text.split()) <= pairs.LONGEST


def test_words_change_their_places(rows):
    """Verb-final clauses, brackets, inversion: enough of each that copying in order fails."""
    german = [de for de, _ in rows["train"]]

    def share(pattern):
        return sum(bool(re.search(pattern, text)) for text in german) / len(german)

    assert share(r", (weil|obwohl|dass|ob|wenn|während) |^(Weil|Obwohl|Wenn|Während|Bevor) ") > 0.2
    assert share(r"\b(hat|haben|habe|ist|sind|bin) .*\b(ge\w+|\w+ge\w+t|\w+ge\w+en)[.,]") > 0.15
    assert share(r", (der|die|das|den) ") > 0.05
    assert share(r", um .* zu \w+\.|, um .*\w+zu\w+\.") > 0.02


# --- the grammar


def noun(german):
    return next(noun for noun in LEXICON.nouns if noun.singular.de == german)


def the(german, **changes):
    return noun_phrase(noun(german), phrases.THE, **changes)


def adjective(german):
    return next(word for word in LEXICON.adjectives if word.positive.de == german)


def clause(subject, verb, tense="present", **parts):
    full = next(v for v in LEXICON.verbs if v.prefix + v.infinitive == verb)
    return Clause(the(subject) if isinstance(subject, str) else subject, full, tense, **parts)


@pytest.mark.parametrize(
    ("word", "determiner", "plural", "like", "german", "english"),
    [
        ("Hund", phrases.THE, False, "klein", "der kleine|den kleinen|dem kleinen Hund", "the"),
        ("Hund", phrases.A, False, "klein", "ein kleiner|einen kleinen|einem kleinen Hund", "a"),
        ("Katze", phrases.NO, False, "müde", "keine müde|keine müde|keiner müden Katze", "a"),
        ("Pferd", phrases.A, False, "alt", "ein altes|ein altes|einem alten Pferd", "an"),
        ("Haus", phrases.THIS, False, "rot", "dieses rote|dieses rote|diesem roten Haus", "this"),
        ("Hund", phrases.ALL, True, "alt", "alle alten|alle alten|allen alten Hunde", "all"),
        ("Kind", phrases.MANY, True, "müde", "viele müde|viele müde|viele müden Kinder", "many"),
        ("Auto", phrases.BARE, True, "neu", "neue|neue|neuen Autos", ""),
        ("Tür", phrases.OWNED["1p"], True, "grün", "unsere grünen|~|unseren grünen Türen", "our"),
    ],
)
def test_articles_and_adjectives_agree(word, determiner, plural, like, german, english):
    phrase = noun_phrase(noun(word), determiner, plural, adjective(like))
    *cases, last = german.split("|")
    before, name = last.rsplit(" ", 1)
    forms = [cases[0], cases[0] if cases[1] == "~" else cases[1], before]
    dative = name if not plural or name[-1] in "ns" else name + "n"
    assert phrase.german == (f"{forms[0]} {name}", f"{forms[1]} {name}", f"{before} {dative}")
    form = noun(word).plural.en if plural else noun(word).singular.en
    assert phrase.english[0] == f"{english} {adjective(like).positive.en} {form}".strip()


TIME, PLACE = Said("heute", "today"), Said("im Garten", "in the garden")
HOME = Said("nach Hause", "home")
BOOK = noun_phrase(noun("Buch"), phrases.A)
ORDERS = [
    (
        clause("Koch", "lesen", accusative=the("Buch"), time=TIME, place=PLACE),
        "der Koch liest das Buch heute im Garten",
        "heute liest der Koch das Buch im Garten",
        "der Koch das Buch heute im Garten liest",
        "the cook reads the book in the garden today",
    ),
    (
        clause("Koch", "lesen", accusative=BOOK, time=TIME, place=PLACE),
        "der Koch liest heute im Garten ein Buch",
        "heute liest der Koch im Garten ein Buch",
        "der Koch heute im Garten ein Buch liest",
        "the cook reads a book in the garden today",
    ),
    (
        clause("Koch", "anrufen", accusative=the("Freund"), time=TIME),
        "der Koch ruft den Freund heute an",
        "heute ruft der Koch den Freund an",
        "der Koch den Freund heute anruft",
        "the cook calls the friend today",
    ),
    (
        clause(PRONOUNS["1s"], "aufstehen", "past", time=TIME, negated=True),
        "ich bin heute nicht aufgestanden",
        "heute bin ich nicht aufgestanden",
        "ich heute nicht aufgestanden bin",
        "I did not get up today",
    ),
    (
        clause(PRONOUNS["3p"], "gehen", "future", time=TIME, place=HOME, negated=True),
        "sie werden heute nicht nach Hause gehen",
        "heute werden sie nicht nach Hause gehen",
        "sie heute nicht nach Hause gehen werden",
        "they will not walk home today",
    ),
    (
        clause("Koch", "lesen", "have to", accusative=BOOK, time=TIME),
        "der Koch muss heute ein Buch lesen",
        "heute muss der Koch ein Buch lesen",
        "der Koch heute ein Buch lesen muss",
        "the cook has to read a book today",
    ),
    (
        clause("Frau", "helfen", "can", dative=the("Kind", plural=True), time=TIME, negated=True),
        "die Frau kann den Kindern heute nicht helfen",
        "heute kann die Frau den Kindern nicht helfen",
        "die Frau den Kindern heute nicht helfen kann",
        "the woman cannot help the children today",
    ),
    (
        clause("Frau", "erklären", "now", accusative=the("Bericht"), dative=the("Gast"), time=TIME),
        "die Frau erklärt dem Gast den Bericht heute",
        "heute erklärt die Frau dem Gast den Bericht",
        "die Frau dem Gast den Bericht heute erklärt",
        "the woman is explaining the report to the guest today",
    ),
]


@pytest.mark.parametrize(("meant", "main", "timed", "last", "english"), ORDERS)
def test_the_order_of_words(meant, main, timed, last, english):
    assert clauses.german_main(meant, "subject") == main
    assert clauses.german_main(meant, "time") == timed
    assert clauses.german_last(meant) == last
    assert clauses.english_main(meant) == english
    assert clauses.english_main(meant, "time") == f"today {english.removesuffix(' today')}"


def test_questions_infinitives_and_fronted_objects():
    asked = clause("Koch", "anrufen", "past", accusative=PRONOUNS["3sm"])
    assert clauses.german_question(asked, "warum") == "warum hat der Koch ihn angerufen"
    assert clauses.english_question(asked, "why") == "why did the cook call him"
    assert clauses.german_infinitive(asked) == "ihn anzurufen"
    assert clauses.english_infinitive(asked) == "to call him"
    eaten = clause("Kind", "essen", accusative=the("Apfel"))
    assert clauses.german_main(eaten, "accusative") == "den Apfel isst das Kind"
    assert clauses.english_main(eaten, "accusative") == "the child eats the apple"


def test_a_denied_object_says_no_in_german_and_not_in_english():
    none = noun_phrase(noun("Apfel"), phrases.NO, plural=True)
    denied = clause("Kind", "essen", accusative=none, negated=True)
    assert clauses.german_main(denied, "subject") == "das Kind isst keine Äpfel"
    assert clauses.english_main(denied) == "the child does not eat any apples"


@pytest.mark.parametrize(
    ("base", "third"),
    [
        ("tidy", "tidies"),
        ("play", "plays"),
        ("wash", "washes"),
        ("go shopping", "goes shopping"),
        ("have to", "has to"),
    ],
)
def test_the_third_person(base, third):
    assert clauses.third_person(base) == third


def test_another_seed_gives_other_sentences_of_the_same_language(rows):
    draw = Draw(LEXICON, random.Random(1))
    drawn = {sentence(draw) for _ in range(300)}
    assert len(drawn & {Said(*pair) for pair in rows["train"]}) < 30


def test_a_broken_lexicon_names_the_file(tmp_path):
    for file in (FOLDER / "grammar").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "nouns.txt").write_text("animal | m | Hund | dog\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"nouns\.txt: got 'animal \| m .*', expected 6 columns"):
        pairs.generate(tmp_path)
